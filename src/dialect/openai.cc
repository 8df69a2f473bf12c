#include "dialect/openai.h"

#include <array>
#include <cstring>
#include <span>

#include "http/sse.h"
#include "json/scan.h"
#include "json/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace headrace::dialect {
namespace {

using api::EventKind;
using json::FoundValue;
using json::Type;

constexpr Bytes kEndMarker = "[DONE]";
constexpr Bytes kBlanks = " \t\r\n";

// Members of a provider's object. Text that is not UTF-8 and keys given twice (the last one counts)
// are the client's to judge: what matters here is only whether somebody is waiting for this event.
template <std::size_t Count>
struct Members {
  std::array<FoundValue, Count> found{};
  bool ok = false;

  Members(Bytes object, const std::array<Bytes, Count>& keys) {
    const json::ScanResult result = json::scan_object(object, keys, found, json::Utf8::trust);
    ok = result.ok() || result.fault == json::Fault::duplicate_key;
    if (!ok) found = {};
  }
};

bool has_text(const FoundValue& value) {
  return value.type == Type::string && value.size > 2;
}

bool has_elements(const FoundValue& value, Bytes object) {
  return value.type == Type::array && json::ArrayWalk(value.text(object)).next().has_value();
}

bool has_members(const FoundValue& value, Bytes object) {
  if (value.type != Type::object) return false;
  const Bytes text = value.text(object);
  return text[text.find_first_not_of(kBlanks, 1)] != '}';
}

bool text_is(const FoundValue& value, Bytes object, Bytes expected) {
  if (value.type != Type::string) return false;
  std::array<char, 64> scratch;
  return json::unescape(value.text(object), scratch) == expected;
}

// Content that comes as parts (Mistral): thinking alone is reasoning, anything else is content.
EventKind kind_of_parts(Bytes parts) {
  constexpr std::array<Bytes, 1> kKeys = {"type"};
  EventKind kind = EventKind::quiet;
  json::ArrayWalk walk(parts);
  while (const auto part = walk.next()) {
    const Members members(*part, kKeys);
    if (!members.ok || !text_is(members.found[0], *part, "thinking")) return EventKind::useful;
    kind = EventKind::reasoning;
  }
  return kind;
}

bool has_sound(const FoundValue& audio, Bytes delta) {
  constexpr std::array<Bytes, 2> kKeys = {"data", "transcript"};
  if (audio.type != Type::object) return false;
  const Members members(audio.text(delta), kKeys);
  return has_text(members.found[0]) || has_text(members.found[1]);
}

EventKind kind_of_delta(Bytes delta) {
  enum Key : std::size_t {
    kContent,
    kRefusal,
    kToolCalls,
    kFunctionCall,
    kAudio,
    kImages,
    kReasoning,
    kReasoningContent,
    kReasoningDetails,
    kCount
  };
  constexpr std::array<Bytes, kCount> kKeys = {"content",
                                               "refusal",
                                               "tool_calls",
                                               "function_call",
                                               "audio",
                                               "images",
                                               "reasoning",
                                               "reasoning_content",
                                               "reasoning_details"};
  const Members members(delta, kKeys);
  const auto& found = members.found;
  if (has_text(found[kContent]) || has_text(found[kRefusal]) ||
      has_elements(found[kToolCalls], delta) || has_members(found[kFunctionCall], delta) ||
      has_sound(found[kAudio], delta) || has_elements(found[kImages], delta)) {
    return EventKind::useful;
  }
  EventKind kind = EventKind::quiet;
  if (found[kContent].type == Type::array) kind = kind_of_parts(found[kContent].text(delta));
  if (kind != EventKind::quiet) return kind;
  const bool thinks = has_text(found[kReasoning]) || has_text(found[kReasoningContent]) ||
                      has_elements(found[kReasoningDetails], delta);
  return thinks ? EventKind::reasoning : EventKind::quiet;
}

// Finish reasons by which a provider says that it failed.
bool reports_failure(const FoundValue& reason, Bytes choice) {
  return text_is(reason, choice, "error") || text_is(reason, choice, "network_error") ||
         text_is(reason, choice, "insufficient_system_resource");
}

EventKind kind_of_choice(Bytes choice) {
  enum Key : std::size_t { kDelta, kMessage, kText, kFinishReason, kCount };
  constexpr std::array<Bytes, kCount> kKeys = {"delta", "message", "text", "finish_reason"};
  const Members members(choice, kKeys);
  const auto& found = members.found;
  if (reports_failure(found[kFinishReason], choice)) return EventKind::error;
  if (has_text(found[kFinishReason])) return EventKind::finish;
  if (has_text(found[kText])) return EventKind::useful;
  // A delta, or (servers that stream whole messages) the message in its place.
  if (found[kDelta].type == Type::object) return kind_of_delta(found[kDelta].text(choice));
  if (found[kMessage].type == Type::object) return kind_of_delta(found[kMessage].text(choice));
  return EventKind::quiet;
}

// The strongest kind wins: EventKind's order is from quiet to error.
EventKind kind_of_choices(Bytes choices) {
  EventKind strongest = EventKind::quiet;
  json::ArrayWalk walk(choices);
  while (const auto choice = walk.next()) {
    const EventKind kind = kind_of_choice(*choice);
    if (kind > strongest) strongest = kind;
  }
  return strongest;
}

bool says_something(const FoundValue& error) {
  return error.type != Type::absent && error.type != Type::null && error.type != Type::boolean;
}

EventKind kind_of_chunk(Bytes chunk) {
  enum Key : std::size_t { kError, kChoices, kObject, kCount };
  constexpr std::array<Bytes, kCount> kKeys = {"error", "choices", "object"};
  const Members members(chunk, kKeys);
  const auto& found = members.found;
  if (says_something(found[kError]) || text_is(found[kObject], chunk, "error"))
    return EventKind::error;
  if (found[kChoices].type != Type::array) return EventKind::quiet;
  return kind_of_choices(found[kChoices].text(chunk));
}

Bytes trim(Bytes text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == Bytes::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// -- the scan behind the commit point

constexpr Bytes kQuotedReason = "\"finish_reason\"";

// The first place at or behind `from` where the quoted key's first two bytes and its last but one
// stand, or npos. An event has many quotes and few places like that, so this decides almost
// everything.
std::size_t find_quoted_reason(Bytes text, std::size_t from) {
  std::size_t at = from;
#ifdef __SSE2__
  // Compares sixteen places at once at two distances that seldom coincide: the underscore and the
  // closing quote.
  constexpr std::size_t kUnderscore = 7;
  constexpr std::size_t kClosing = 14;
  const __m128i underscore = _mm_set1_epi8('_');
  const __m128i closing = _mm_set1_epi8('"');
  while (at + kClosing + 16 <= text.size()) {
    const char* const place = text.data() + at;
    const auto load = [](const char* p) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    };
    const __m128i both = _mm_and_si128(_mm_cmpeq_epi8(load(place + kUnderscore), underscore),
                                       _mm_cmpeq_epi8(load(place + kClosing), closing));
    auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(both));
    for (; mask != 0; mask &= mask - 1) {
      const auto offset = static_cast<std::size_t>(__builtin_ctz(mask));
      if (std::memcmp(place + offset, kQuotedReason.data(), kQuotedReason.size()) == 0) {
        return at + offset;
      }
    }
    at += 16;
  }
#endif
  return text.find(kQuotedReason, at);
}

// `text` starts behind the quoted key. A key's colon and a string that is not empty must follow.
bool reason_follows(Bytes text) {
  std::size_t at = text.find_first_not_of(kBlanks);
  if (at == Bytes::npos || text[at] != ':') return false;
  at = text.find_first_not_of(kBlanks, at + 1);
  return at != Bytes::npos && text[at] == '"' && at + 1 < text.size() && text[at + 1] != '"';
}

// The end marker's event is short, or at least ends in its bracket; chunks are long and end in a
// brace.
bool may_be_end_marker(Bytes event) {
  constexpr std::size_t kShort = 32;
  const std::size_t last = event.find_last_not_of(kBlanks);
  return event.size() <= kShort || (last != Bytes::npos && event[last] == ']');
}

// Lines are looked at one by one, because a provider may put comments or an event name before the
// data.
bool is_end_marker(Bytes event) {
  constexpr Bytes kData = "data:";
  while (!event.empty()) {
    const std::size_t end = event.find_first_of("\r\n");
    const Bytes line = event.substr(0, end);
    if (line.substr(0, kData.size()) == kData) {
      return trim(line.substr(kData.size())) == kEndMarker;
    }
    if (end == Bytes::npos) return false;
    event.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

EventKind classify_chat_event(Bytes event, char* scratch) {
  const http::SseEvent parsed = http::parse_sse_event(event, scratch);
  if (!parsed.has_data) return EventKind::quiet;
  const Bytes data = trim(parsed.data);
  if (data == kEndMarker) return EventKind::done;
  if (parsed.type == "error") return EventKind::error;
  if (data.empty() || data.front() != '{') return EventKind::quiet;
  return kind_of_chunk(data);
}

bool ends_chat_stream(Bytes event) {
  if (may_be_end_marker(event) && is_end_marker(event)) return true;
  std::size_t at = find_quoted_reason(event, 0);
  while (at != Bytes::npos) {
    // Behind a backslash the quote is text: the rest of some string that ends like the key.
    const bool is_token = at == 0 || event[at - 1] != '\\';
    const std::size_t behind = at + kQuotedReason.size();
    if (is_token && reason_follows(event.substr(behind))) return true;
    at = find_quoted_reason(event, behind);
  }
  return false;
}

}  // namespace headrace::dialect
