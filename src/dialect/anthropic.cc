#include "dialect/anthropic.h"

#include <array>

#include "dialect/event_look.h"
#include "dialect/members.h"
#include "http/sse.h"
#include "json/find_word.h"
#include "json/scan.h"

namespace headrace::dialect {
namespace {

using api::EventKind;
using json::Type;

// Blocks that say something by beginning: a call, a result, a thought that cannot be read, and
// whatever kinds come next.
EventKind kind_of_block(Bytes block) {
  static constexpr json::Names kKeys(std::array<Bytes, 3>{"type", "text", "thinking"});
  const Members members(block, kKeys);
  const auto& [type, text, thinking] = members.found;
  if (type.type != Type::string) return EventKind::quiet;
  if (text_is(type, block, "text")) return has_text(text) ? EventKind::useful : EventKind::quiet;
  if (text_is(type, block, "thinking")) {
    return has_text(thinking) ? EventKind::reasoning : EventKind::quiet;
  }
  if (text_is(type, block, "redacted_thinking")) return EventKind::reasoning;
  return EventKind::useful;
}

EventKind kind_of_delta(Bytes delta) {
  static constexpr json::Names kKeys(
      std::array<Bytes, 5>{"type", "text", "partial_json", "thinking", "citation"});
  const Members members(delta, kKeys);
  const auto& [type, text, json, thinking, citation] = members.found;
  if (has_text(text) || has_text(json) || citation.type == Type::object) return EventKind::useful;
  return has_text(thinking) ? EventKind::reasoning : EventKind::quiet;
}

// A message that begins with blocks in it (programmatic tool calling).
EventKind kind_of_message(Bytes message) {
  static constexpr json::Names kKeys(std::array<Bytes, 1>{"content"});
  const Members members(message, kKeys);
  if (members.found[0].type != Type::array) return EventKind::quiet;
  EventKind strongest = EventKind::quiet;
  json::ArrayWalk walk(members.found[0].text(message));
  while (const auto block = walk.next()) {
    const EventKind kind = kind_of_block(*block);
    if (kind > strongest) strongest = kind;
  }
  return strongest;
}

bool stops(Bytes delta) {
  static constexpr json::Names kKeys(std::array<Bytes, 1>{"stop_reason"});
  return has_text(Members(delta, kKeys).found[0]);
}

EventKind kind_of_data(Bytes data) {
  enum Key : std::size_t { kType, kDelta, kBlock, kMessage, kError, kCount };
  static constexpr json::Names kKeys(
      std::array<Bytes, kCount>{"type", "delta", "content_block", "message", "error"});
  const Members members(data, kKeys);
  const auto& found = members.found;
  const auto is = [&](Bytes name) { return text_is(found[kType], data, name); };
  if (found[kError].type == Type::object || is("error")) return EventKind::error;
  if (is("message_stop")) return EventKind::done;
  const auto inside = [&](Key key, auto kind) {
    if (found[key].type != Type::object) return EventKind::quiet;
    return kind(found[key].text(data));
  };
  if (is("content_block_delta")) return inside(kDelta, kind_of_delta);
  if (is("content_block_start")) return inside(kBlock, kind_of_block);
  if (is("message_start")) return inside(kMessage, kind_of_message);
  if (is("message_delta")) {
    return inside(kDelta,
                  [](Bytes delta) { return stops(delta) ? EventKind::finish : EventKind::quiet; });
  }
  return EventKind::quiet;
}

}  // namespace

EventKind classify_message_event(Bytes event, char* scratch) {
  const http::SseEvent parsed = http::parse_sse_event(event, scratch);
  if (!parsed.has_data) return EventKind::quiet;
  if (parsed.type == "error") return EventKind::error;
  return kind_of_data(parsed.data);
}

bool ends_message_stream(Bytes event) {
  // Their underscores and last letters.
  constexpr json::Word kStop("\"message_stop\"", 8, 12);
  constexpr json::Word kReason("\"stop_reason\"", 5, 11);
  if (json::find_word<kStop>(event) == Bytes::npos &&
      json::find_word<kReason>(event) == Bytes::npos) {
    return false;
  }
  const EventKind kind = kind_of_data(first_data(event));
  return kind == EventKind::done || kind == EventKind::finish;
}

bool message_may_fail(Bytes event) {
  return may_report_error(event);
}

}  // namespace headrace::dialect
