#include "dialect/openai.h"

#include <array>

#include "dialect/event_look.h"
#include "dialect/members.h"
#include "dialect/usage.h"
#include "http/sse.h"
#include "json/find_word.h"
#include "json/scan.h"

namespace headrace::dialect {
namespace {

using api::EventKind;
using json::FoundValue;
using json::Type;

constexpr Bytes kEndMarker = "[DONE]";

bool has_members(const FoundValue& value, Bytes object) {
  if (value.type != Type::object) return false;
  const Bytes text = value.text(object);
  return text[text.find_first_not_of(kBlanks, 1)] != '}';
}

// Content that comes as parts (Mistral): thinking alone is reasoning, anything else is content.
EventKind kind_of_parts(Bytes parts) {
  static constexpr json::Names kKeys(std::array<Bytes, 1>{"type"});
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
  static constexpr json::Names kKeys(std::array<Bytes, 2>{"data", "transcript"});
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
  static constexpr json::Names kKeys(std::array<Bytes, kCount>{"content",
                                                               "refusal",
                                                               "tool_calls",
                                                               "function_call",
                                                               "audio",
                                                               "images",
                                                               "reasoning",
                                                               "reasoning_content",
                                                               "reasoning_details"});
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
  static constexpr json::Names kKeys(
      std::array<Bytes, kCount>{"delta", "message", "text", "finish_reason"});
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

EventKind kind_of_chunk(Bytes chunk) {
  enum Key : std::size_t { kError, kChoices, kObject, kCount };
  static constexpr json::Names kKeys(std::array<Bytes, kCount>{"error", "choices", "object"});
  const Members members(chunk, kKeys);
  const auto& found = members.found;
  if (says_something(found[kError]) || text_is(found[kObject], chunk, "error"))
    return EventKind::error;
  if (found[kChoices].type != Type::array) return EventKind::quiet;
  return kind_of_choices(found[kChoices].text(chunk));
}

// -- the scan behind the commit point

// Its underscore and its closing quote: an event has many quotes, few of them at that distance.
constexpr json::Word kQuotedReason("\"finish_reason\"", 7, 14);

// `text` starts behind the quoted key. A key's colon and a string that is not empty must follow.
bool reason_follows(Bytes text) {
  std::size_t at = text.find_first_not_of(kBlanks);
  if (at == Bytes::npos || text[at] != ':') return false;
  at = text.find_first_not_of(kBlanks, at + 1);
  return at != Bytes::npos && text[at] == '"' && at + 1 < text.size() && text[at + 1] != '"';
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
  if (is_end_marker(event)) return true;
  std::size_t at = json::find_word<kQuotedReason>(event);
  while (at != Bytes::npos) {
    // Behind a backslash the quote is text: the rest of some string that ends like the key.
    const bool is_token = at == 0 || event[at - 1] != '\\';
    const std::size_t behind = at + kQuotedReason.kSize;
    if (is_token && reason_follows(event.substr(behind))) return true;
    at = json::find_word<kQuotedReason>(event, behind);
  }
  return false;
}

bool chat_may_fail(Bytes event) {
  return may_report_error(event);
}

bool is_usage_chunk(Bytes event, char* scratch) {
  if (!may_carry_usage(event)) return false;
  const http::SseEvent parsed = http::parse_sse_event(event, scratch);
  if (!parsed.has_data) return false;
  const Bytes data = trim(parsed.data);
  static constexpr json::Names kKeys(std::array<Bytes, 3>{"choices", "usage", "error"});
  const Members members(data, kKeys);
  const auto& [choices, usage, error] = members.found;
  return choices.type == Type::array && !has_elements(choices, data) &&
         usage.type == Type::object && !says_something(error);
}

}  // namespace headrace::dialect
