#include "dialect/anthropic.h"

#include <array>
#include <span>

#include "http/sse.h"
#include "json/scan.h"
#include "json/text.h"

namespace headrace::dialect {
namespace {

using api::EventKind;
using json::FoundValue;
using json::Type;

template <std::size_t Count>
struct Members {
  std::array<FoundValue, Count> found{};

  Members(Bytes object, const std::array<Bytes, Count>& keys) {
    const json::ScanResult result = json::scan_object(object, keys, found, json::Utf8::trust);
    const bool readable = result.ok() || result.fault == json::Fault::duplicate_key;
    if (!readable) found = {};
  }
};

bool text_is(const FoundValue& value, Bytes object, Bytes expected) {
  if (value.type != Type::string) return false;
  std::array<char, 64> scratch;
  return json::unescape(value.text(object), scratch) == expected;
}

bool has_text(const FoundValue& value) {
  return value.type == Type::string && value.size > 2;
}

// Blocks that say something by beginning: a call, a result, a thought that cannot be read, and
// whatever kinds come next.
EventKind kind_of_block(Bytes block) {
  constexpr std::array<Bytes, 3> kKeys = {"type", "text", "thinking"};
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
  constexpr std::array<Bytes, 5> kKeys = {"type", "text", "partial_json", "thinking", "citation"};
  const Members members(delta, kKeys);
  const auto& [type, text, json, thinking, citation] = members.found;
  if (has_text(text) || has_text(json) || citation.type == Type::object) return EventKind::useful;
  return has_text(thinking) ? EventKind::reasoning : EventKind::quiet;
}

// A message that begins with blocks in it (programmatic tool calling).
EventKind kind_of_message(Bytes message) {
  constexpr std::array<Bytes, 1> kKeys = {"content"};
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
  constexpr std::array<Bytes, 1> kKeys = {"stop_reason"};
  return has_text(Members(delta, kKeys).found[0]);
}

EventKind kind_of_data(Bytes data) {
  enum Key : std::size_t { kType, kDelta, kBlock, kMessage, kError, kCount };
  constexpr std::array<Bytes, kCount> kKeys = {
      "type", "delta", "content_block", "message", "error"};
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
  if (event.find("\"message_stop\"") == Bytes::npos &&
      event.find("\"stop_reason\"") == Bytes::npos) {
    return false;
  }
  // Only one data line is looked at: providers put a whole object on one.
  constexpr Bytes kData = "data:";
  while (!event.empty()) {
    const std::size_t end = event.find_first_of("\r\n");
    const Bytes line = event.substr(0, end);
    if (line.substr(0, kData.size()) == kData) {
      const EventKind kind = kind_of_data(line.substr(kData.size()));
      return kind == EventKind::done || kind == EventKind::finish;
    }
    if (end == Bytes::npos) return false;
    event.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace headrace::dialect
