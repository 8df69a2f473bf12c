#include "dialect/openai_responses.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "dialect/event_look.h"
#include "dialect/members.h"
#include "http/sse.h"
#include "json/find_word.h"
#include "json/scan.h"
#include "json/text.h"

namespace headrace::dialect {
namespace {

using api::EventKind;
using json::FoundValue;
using json::Type;

constexpr Bytes kCompleted = "response.completed";
constexpr Bytes kIncomplete = "response.incomplete";
constexpr Bytes kFailed = "response.failed";
constexpr Bytes kError = "error";

// The strongest kind among the elements of a list; absent ones have none.
EventKind strongest_of(const FoundValue& list, Bytes object, EventKind (*kind_of)(Bytes)) {
  EventKind strongest = EventKind::quiet;
  if (list.type != Type::array) return strongest;
  json::ArrayWalk walk(list.text(object));
  while (const auto element = walk.next()) {
    const EventKind kind = kind_of(*element);
    if (kind > strongest) strongest = kind;
  }
  return strongest;
}

// A part of a message, of a thought or of its summary.
EventKind kind_of_part(Bytes part) {
  enum Key : std::size_t { kType, kText, kRefusal, kTranscript, kData, kCount };
  static constexpr json::Names kKeys(
      std::array<Bytes, kCount>{"type", "text", "refusal", "transcript", "data"});
  const Members members(part, kKeys);
  const auto& found = members.found;
  const bool speaks = has_text(found[kText]) || has_text(found[kRefusal]) ||
                      has_text(found[kTranscript]) || has_text(found[kData]);
  if (!speaks) return EventKind::quiet;
  const bool thinks =
      text_is(found[kType], part, "reasoning_text") || text_is(found[kType], part, "summary_text");
  return thinks ? EventKind::reasoning : EventKind::useful;
}

// Nobody can read a thought or a compacted history that is there in encrypted form only, and a list
// of tools that could be called is no call. Any other item but a message is one, or what came of
// one.
EventKind kind_of_item(Bytes item) {
  enum Key : std::size_t { kType, kContent, kSummary, kCount };
  static constexpr json::Names kKeys(std::array<Bytes, kCount>{"type", "content", "summary"});
  const Members members(item, kKeys);
  const auto& found = members.found;
  const auto is = [&](Bytes name) { return text_is(found[kType], item, name); };
  if (found[kType].type != Type::string || is("mcp_list_tools") || is("compaction")) {
    return EventKind::quiet;
  }
  if (is("message")) return strongest_of(found[kContent], item, kind_of_part);
  if (!is("reasoning")) return EventKind::useful;
  const EventKind words = strongest_of(found[kContent], item, kind_of_part);
  const EventKind summary = strongest_of(found[kSummary], item, kind_of_part);
  const bool thinks = words != EventKind::quiet || summary != EventKind::quiet;
  return thinks ? EventKind::reasoning : EventKind::quiet;
}

// The end of a text repeats all of it, under its own name.
bool repeats_words(Bytes data) {
  static constexpr json::Names kKeys(
      std::array<Bytes, 5>{"text", "refusal", "arguments", "input", "code"});
  const Members members(data, kKeys);
  for (const FoundValue& words : members.found) {
    if (has_text(words)) return true;
  }
  return false;
}

// Events that add to an answer, by the parts that they have.
EventKind kind_of_progress(Bytes type, Bytes data) {
  enum Key : std::size_t { kDelta, kItem, kPart, kImage, kAnnotation, kCount };
  static constexpr json::Names kKeys(
      std::array<Bytes, kCount>{"delta", "item", "part", "partial_image_b64", "annotation"});
  const Members members(data, kKeys);
  const auto& found = members.found;
  const bool is_known = type.starts_with("response.");
  const bool speaks =
      has_text(found[kDelta]) || (is_known && type.ends_with(".done") && repeats_words(data));
  if (speaks) {
    return type.starts_with("response.reasoning") ? EventKind::reasoning : EventKind::useful;
  }
  if (!is_known) return EventKind::quiet;
  // A tool of the provider's is at work: what it does it may do only once.
  const bool works = type.find("_call.") != Bytes::npos && !type.ends_with(".delta");
  if (works || has_text(found[kImage]) || found[kAnnotation].type == Type::object) {
    return EventKind::useful;
  }
  if (found[kItem].type == Type::object) return kind_of_item(found[kItem].text(data));
  if (found[kPart].type == Type::object) return kind_of_part(found[kPart].text(data));
  return EventKind::quiet;
}

// `name` is the event line's, for data that has no type.
EventKind kind_of_data(Bytes name, Bytes data) {
  static constexpr json::Names kKeys(std::array<Bytes, 2>{"type", "error"});
  const Members members(data, kKeys);
  const auto& [type, error] = members.found;
  if (!members.ok) return name == kFailed ? EventKind::error : EventKind::quiet;  // or too long
  std::array<char, 64> scratch;
  if (type.type == Type::string) name = json::unescape(type.text(data), scratch).value_or(Bytes{});
  if (says_something(error) || name == kError || name == kFailed) return EventKind::error;
  if (name == kCompleted || name == kIncomplete) return EventKind::done;
  return kind_of_progress(name, data);
}

// -- the looks at every event

enum class Front : std::uint8_t { unclear, progress, end, failure };

Front front_of_type(Bytes text) {
  const auto is = [text](Bytes type) {
    constexpr Bytes kBehind = "\" \t\r\n";
    return text.starts_with(type) && text.size() > type.size() &&
           kBehind.find(text[type.size()]) != Bytes::npos;
  };
  if (is(kCompleted) || is(kIncomplete)) return Front::end;
  return is(kFailed) || is(kError) ? Front::failure : Front::progress;
}

// `data` begins behind `data:`.
Front front_of_data(Bytes data) {
  const auto take = [&data](Bytes token) {
    data.remove_prefix(std::min(data.find_first_not_of(kBlanks), data.size()));
    if (!data.starts_with(token)) return false;
    data.remove_prefix(token.size());
    return true;
  };
  const bool has_type = take("{") && take("\"type\"") && take(":") && take("\"");
  return has_type ? front_of_type(data) : Front::unclear;
}

// What an event says of itself in front: in its event line or as the first member of its data.
Front front_of(Bytes event) {
  constexpr Bytes kEventLine = "event:";
  constexpr Bytes kDataLine = "data:";
  while (!event.empty()) {
    if (event.starts_with(kDataLine)) return front_of_data(event.substr(kDataLine.size()));
    if (event.starts_with(kEventLine)) {
      Bytes name = event.substr(kEventLine.size());
      if (name.starts_with(' ')) name.remove_prefix(1);
      const Front front = front_of_type(name);
      if (front != Front::progress || name.starts_with("response.")) return front;
    }
    event.remove_prefix(std::min(first_line(event).size() + 1, event.size()));
  }
  return Front::unclear;
}

}  // namespace

EventKind classify_response_event(Bytes event, char* scratch) {
  const http::SseEvent parsed = http::parse_sse_event(event, scratch);
  if (!parsed.has_data) return EventKind::quiet;
  if (parsed.type == kError) return EventKind::error;
  const Bytes data = trim(parsed.data);
  if (data == "[DONE]") return EventKind::done;
  return kind_of_data(parsed.type, data);
}

bool ends_response_stream(Bytes event) {
  const Front front = front_of(event);
  if (front == Front::end) return first_data(event).data() != nullptr;
  if (front != Front::unclear) return false;
  if (is_end_marker(event)) return true;
  // Types that stand elsewhere: both of an end have this in them, and few other words do.
  constexpr json::Word kEnding("omplete", 1, 3);
  if (json::find_word<kEnding>(event) == Bytes::npos) return false;
  return kind_of_data({}, first_data(event)) == EventKind::done;
}

bool response_may_fail(Bytes event) {
  const Front front = front_of(event);
  if (front != Front::unclear) return front == Front::failure;
  constexpr json::Word kFailure("\"response.failed\"", 1, 9);
  return may_report_error(event) || json::find_word<kFailure>(event) != Bytes::npos;
}

void ResponsePlace::follow(Bytes event) {
  // Inside a string its last quote stands behind a backslash. q and _ are rare.
  constexpr json::Word kKey("\"sequence_number\"", 3, 9);
  constexpr Bytes kBetween = " \t:";
  if (next_sequence_ == 0) {  // the first one reports the response, with its name
    constexpr std::array<Bytes, 1> kResponse = {"response"};
    constexpr std::array<Bytes, 1> kId = {"id"};
    std::array<FoundValue, 1> found;
    const Bytes data = first_data(event);
    if (json::scan_object(data, kResponse, found, json::Utf8::trust).ok() &&
        found[0].type == Type::object) {
      const Bytes response = found[0].text(data);
      const bool named = json::scan_object(response, kId, found, json::Utf8::trust).ok() &&
                         found[0].type == Type::string;
      if (named) id_.assign(response.substr(found[0].begin + 1, found[0].size - 2));
    }
  }
  ++next_sequence_;  // where they are not numbered, they are counted
  const std::size_t at = json::find_word<kKey>(event);
  if (at == Bytes::npos) return;
  const std::size_t begin = event.find_first_not_of(kBetween, at + kKey.kSize);
  if (begin == Bytes::npos) return;
  const std::size_t end = event.find_first_not_of("0123456789", begin);
  if (const auto number = base::parse_decimal(event.substr(begin, end - begin))) {
    next_sequence_ = *number + 1;
  }
}

}  // namespace headrace::dialect
