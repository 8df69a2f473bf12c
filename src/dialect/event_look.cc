#include "dialect/event_look.h"

#include <algorithm>

#include "dialect/members.h"
#include "json/find_word.h"

namespace headrace::dialect {
namespace {

constexpr Bytes kData = "data:";
constexpr Bytes kEvent = "event:";
constexpr Bytes kError = "error";

// Takes the first line and its end away; false when nothing is left.
bool next_line(Bytes& rest) {
  rest.remove_prefix(std::min(first_line(rest).size() + 1, rest.size()));
  return !rest.empty();
}

bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

// `event: error` as a line in front of the data.
bool is_named_error(Bytes event) {
  do {
    if (event.starts_with(kData)) return false;
    if (!event.starts_with(kEvent)) continue;
    if (trim(first_line(event).substr(kEvent.size())) == kError) return true;
  } while (next_line(event));
  return false;
}

// `event: error` as the last line. Looked for from the end, without finding where lines begin.
bool ends_in_name_of_error(Bytes event) {
  event = event.substr(0, event.find_last_not_of(kBlanks) + 1);
  if (!event.ends_with(kError)) return false;
  event.remove_suffix(kError.size());
  event = event.substr(0, event.find_last_not_of(" \t") + 1);
  if (!event.ends_with(kEvent)) return false;
  event.remove_suffix(kEvent.size());
  return event.empty() || is_line_end(event.back());
}

// `text` starts behind the word. A key whose value is null reports nothing.
bool null_follows(Bytes text) {
  std::size_t at = text.find_first_not_of(kBlanks);
  if (at == Bytes::npos || text[at] != ':') return false;
  at = text.find_first_not_of(kBlanks, at + 1);
  return at != Bytes::npos && text.substr(at).starts_with("null");
}

}  // namespace

// Two searches for one byte each are many times faster than one for either.
Bytes first_line(Bytes text) {
  text = text.substr(0, text.find('\n'));
  return text.substr(0, text.find('\r'));
}

Bytes first_data(Bytes event) {
  do {
    if (event.starts_with(kData)) return first_line(event).substr(kData.size());
  } while (next_line(event));
  return {};
}

// The end marker's event is short, or at least ends in its bracket; chunks are long and end in a
// brace.
bool is_end_marker(Bytes event) {
  constexpr std::size_t kShort = 32;
  const std::size_t last = event.find_last_not_of(kBlanks);
  const bool may_be = event.size() <= kShort || (last != Bytes::npos && event[last] == ']');
  return may_be && trim(first_data(event)) == "[DONE]";
}

bool may_report_error(Bytes event) {
  // Two r side by side are rare.
  constexpr json::Word kWord("\"error\"", 2, 3);
  if (is_named_error(event) || ends_in_name_of_error(event)) return true;
  std::size_t at = json::find_word<kWord>(event);
  while (at != Bytes::npos) {
    const std::size_t behind = at + kWord.kSize;
    const bool is_token = at == 0 || event[at - 1] != '\\';
    if (is_token && !null_follows(event.substr(behind))) return true;
    at = json::find_word<kWord>(event, behind);
  }
  return false;
}

}  // namespace headrace::dialect
