#include "dialect/openai_to_anthropic_stream.h"

#include <algorithm>

#include "base/assert.h"
#include "dialect/message_id.h"
#include "dialect/provider_error.h"
#include "dialect/stop_reasons.h"

namespace headrace::dialect {
namespace {

using api::EventKind;
using api::Finish;
using api::JsonBuilder;
using json::Type;
using json::Value;

api::ErrorDetail unreadable_stream() {
  api::ErrorDetail detail;
  detail.reason = "Its events are not those of its dialect.";
  return detail;
}

// FNV-1a; never 0.
std::uint64_t hash(Bytes bytes) {
  std::uint64_t h = 0xCBF29CE484222325ull;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return std::max<std::uint64_t>(h, 1);
}

EventKind stronger(EventKind left, EventKind right) {
  return left > right ? left : right;
}

// Finish reasons by which a provider says that it failed.
bool reports_failure(Value reason) {
  return reason.reads("error") || reason.reads("network_error") ||
         reason.reads("insufficient_system_resource");
}

}  // namespace

EventKind OpenaiToAnthropicStream::take(Bytes event, JsonBuilder& out) {
  HEADRACE_ASSERT(!over_);
  switch (reader_.read(event)) {
    case EventReader::Found::nothing:
      return EventKind::quiet;
    case EventReader::Found::unreadable:
      return fail(out);
    case EventReader::Found::end_marker:
      if (!started_) return fail(out);
      last_events(out);
      return EventKind::done;
    case EventReader::Found::object:
      break;
  }
  return chunk(reader_.root(), out);
}

EventKind OpenaiToAnthropicStream::chunk(Value chunk, JsonBuilder& out) {
  enum Field : std::size_t { kError, kObject, kChoices, kUsage, kGroq, kTier, kCount };
  static constexpr std::array<Bytes, kCount> kKeys = {
      "error", "object", "choices", "usage", "x_groq", "service_tier"};
  const auto fields = json::pick<kKeys>(chunk);
  const bool says_error = fields[kError].given() && !fields[kError].is(Type::boolean);
  if (says_error || fields[kObject].reads("error")) {
    write_provider_error_event(api::Family::anthropic, classify_error(0, chunk), out);
    over_ = failed_ = true;
    return EventKind::error;
  }
  const Value usage =
      fields[kUsage].is(Type::object) ? fields[kUsage] : fields[kGroq].member("usage");
  if (usage.is(Type::object)) {
    usage_ = read_openai_usage(usage);
    usage_.set_tier(fields[kTier].body());
  }
  // One answer is translated; a client of this dialect cannot have asked for more. A chunk without
  // any (Azure's first one) does not know the message's id yet.
  json::Elements walk(fields[kChoices]);
  Value first;
  if (!walk.next(first)) return EventKind::quiet;
  if (!started_) start(chunk, out);
  return choice(first, out);
}

EventKind OpenaiToAnthropicStream::fail(JsonBuilder& out) {
  std::array<char, api::kErrorBodyBytes> text;
  const base::Error error = base::upstream_error(base::Errc::upstream_protocol);
  out.raw(api::write_error_event(api::Family::anthropic, error, unreadable_stream(), text));
  over_ = failed_ = true;
  return EventKind::error;
}

void OpenaiToAnthropicStream::start(Value chunk, JsonBuilder& out) {
  static constexpr std::array<Bytes, 2> kKeys = {"id", "model"};
  const auto [id, model] = json::pick<kKeys>(chunk);
  out.raw("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"");
  write_message_id(id.body(), out);
  out.raw(R"(","type":"message","role":"assistant","model":")");
  out.raw(model.body());
  // Nobody knows the counts yet; the last ones come with message_delta.
  out.raw(R"(","content":[],"stop_reason":null,"stop_sequence":null,"usage":)");
  write_anthropic_usage({}, out);
  out.raw("}}\n\n");
  started_ = true;
}

EventKind OpenaiToAnthropicStream::choice(Value choice, JsonBuilder& out) {
  enum Field : std::size_t { kDelta, kMessage, kReason, kCount };
  static constexpr std::array<Bytes, kCount> kKeys = {"delta", "message", "finish_reason"};
  const auto fields = json::pick<kKeys>(choice);
  const Value reason = fields[kReason];
  if (reports_failure(reason)) return fail(out);
  const EventKind kind =
      delta(fields[kDelta].is(Type::object) ? fields[kDelta] : fields[kMessage], out);
  if (over_ || !reason.has_text()) return kind;
  finish_ = finish_of_finish_reason(reason);
  if (finish_ == Finish::stop && calls_count_ != 0) finish_ = Finish::tool_calls;
  if (refused_) finish_ = Finish::content_filter;
  return EventKind::finish;
}

EventKind OpenaiToAnthropicStream::delta(Value delta, JsonBuilder& out) {
  enum Field : std::size_t {
    kContent,
    kRefusal,
    kToolCalls,
    kReasoningContent,
    kReasoning,
    kThinkingBlocks,
    kCount
  };
  static constexpr std::array<Bytes, kCount> kKeys = {
      "content", "refusal", "tool_calls", "reasoning_content", "reasoning", "thinking_blocks"};
  const auto fields = json::pick<kKeys>(delta);
  const Value reasoning =
      fields[kReasoningContent].has_text() ? fields[kReasoningContent] : fields[kReasoning];
  EventKind kind = thinking(reasoning.body(), out);
  signatures(fields[kThinkingBlocks], out);
  kind = stronger(kind, content(fields[kContent], out));
  if (fields[kRefusal].has_text()) {
    refused_ = true;
    kind = stronger(kind, text(fields[kRefusal].body(), out));
  }
  return stronger(kind, calls(fields[kToolCalls], out));
}

// A string, or parts in its place (Mistral), where thoughts are lists of texts.
EventKind OpenaiToAnthropicStream::content(Value content, JsonBuilder& out) {
  if (!content.is(Type::array)) return text(content.body(), out);
  static constexpr std::array<Bytes, 3> kKeys = {"type", "text", "thinking"};
  EventKind kind = EventKind::quiet;
  json::Elements walk(content);
  Value part;
  while (walk.next(part)) {
    const auto [type, words, thoughts] = json::pick<kKeys>(part);
    if (!type.reads("thinking")) {
      kind = stronger(kind, text(words.body(), out));
      continue;
    }
    json::Elements inner(thoughts);
    Value thought;
    while (inner.next(thought)) {
      kind = stronger(kind, thinking(thought.member("text").body(), out));
    }
  }
  return kind;
}

EventKind OpenaiToAnthropicStream::text(Bytes body, JsonBuilder& out) {
  if (body.empty()) return EventKind::quiet;
  open(Open::text, out);
  begin_delta(blocks_ - 1, "text_delta", out);
  out.member("text", body);
  out.raw("}}\n\n");
  return EventKind::useful;
}

EventKind OpenaiToAnthropicStream::thinking(Bytes body, JsonBuilder& out) {
  if (body.empty()) return EventKind::quiet;
  // What follows a signature is another thought.
  if (open_ == Open::thinking && signed_) close(out);
  open(Open::thinking, out);
  begin_delta(blocks_ - 1, "thinking_delta", out);
  out.member("thinking", body);
  out.raw("}}\n\n");
  return EventKind::reasoning;
}

// From another gateway that keeps them: what Anthropic's clients give back later.
void OpenaiToAnthropicStream::signatures(Value blocks, JsonBuilder& out) {
  static constexpr std::array<Bytes, 3> kKeys = {"type", "signature", "data"};
  json::Elements walk(blocks);
  Value block;
  while (walk.next(block)) {
    const auto [type, signature, data] = json::pick<kKeys>(block);
    if (type.reads("redacted_thinking") && data.has_text()) {
      close(out);
      out.raw("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
      out.number(blocks_++);
      out.raw(R"(,"content_block":{"type":"redacted_thinking")");
      out.member("data", data.body());
      out.raw("}}\n\n");
      open_ = Open::text;
      close(out);
    } else if (signature.has_text()) {
      open(Open::thinking, out);
      begin_delta(blocks_ - 1, "signature_delta", out);
      out.member("signature", signature.body());
      out.raw("}}\n\n");
      signed_ = true;
    }
  }
}

EventKind OpenaiToAnthropicStream::calls(Value calls, JsonBuilder& out) {
  json::Elements walk(calls);
  Value value;
  EventKind kind = EventKind::quiet;
  while (walk.next(value)) {
    const std::size_t before = out.size();
    if (!call(value, out)) return fail(out);
    if (out.size() != before) kind = EventKind::useful;
  }
  return kind;
}

// Fragments belong together by index. Servers that count all calls 0, or not at all, tell them
// apart by new ids.
OpenaiToAnthropicStream::Call* OpenaiToAnthropicStream::find_call(Value index,
                                                                  Value id,
                                                                  bool named) {
  const std::uint64_t wanted = index.count().value_or(0);
  const std::uint64_t marked = id.has_text() ? hash(id.body()) : 0;
  for (std::size_t i = calls_count_; i-- > 0;) {
    Call& call = calls_[i];
    if (call.index != wanted) continue;
    const bool another = named && marked != 0 && call.id != 0 && call.id != marked;
    return another ? nullptr : &call;
  }
  return nullptr;
}

bool OpenaiToAnthropicStream::call(Value value, JsonBuilder& out) {
  static constexpr std::array<Bytes, 3> kKeys = {"index", "id", "function"};
  static constexpr std::array<Bytes, 2> kFunction = {"name", "arguments"};
  const auto [index, id, function] = json::pick<kKeys>(value);
  const auto [name, arguments] = json::pick<kFunction>(function);
  Call* known = find_call(index, id, name.has_text());
  if (known == nullptr) {
    if (calls_count_ == kCallsMax) return false;
    close(out);
    known = &calls_[calls_count_];
    *known = {index.count().value_or(0), id.has_text() ? hash(id.body()) : 0, blocks_};
    out.raw("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    out.number(blocks_++);
    out.raw(R"(,"content_block":{"type":"tool_use","id":")");
    write_call_id(id.body(), calls_count_, out);
    out.raw('"');
    out.member("name", name.body());
    out.raw(",\"input\":{}}}\n\n");
    ++calls_count_;
    open_ = Open::tool;
  }
  if (arguments.has_text()) {
    begin_delta(known->block, "input_json_delta", out);
    out.member("partial_json", arguments.body());
    out.raw("}}\n\n");
  }
  return true;
}

// -- blocks

void OpenaiToAnthropicStream::begin_delta(std::uint32_t block, Bytes type, JsonBuilder& out) {
  out.raw("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
  out.number(block);
  out.raw(R"(,"delta":{"type":")");
  out.raw(type);
  out.raw('"');
}

void OpenaiToAnthropicStream::open(Open kind, JsonBuilder& out) {
  if (open_ == kind) return;
  close(out);
  out.raw("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
  out.number(blocks_++);
  out.raw(R"(,"content_block":)");
  out.raw(kind == Open::text ? R"({"type":"text","text":""})"
                             : R"({"type":"thinking","thinking":"","signature":""})");
  out.raw("}\n\n");
  open_ = kind;
  signed_ = false;
}

void OpenaiToAnthropicStream::close(JsonBuilder& out) {
  if (open_ == Open::none) return;
  if (open_ == Open::thinking && !signed_) {
    begin_delta(blocks_ - 1, "signature_delta", out);
    out.raw(",\"signature\":\"\"}}\n\n");
  }
  out.raw("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
  out.number(blocks_ - 1);
  out.raw("}\n\n");
  open_ = Open::none;
}

void OpenaiToAnthropicStream::last_events(JsonBuilder& out) {
  close(out);
  if (finish_ == Finish::none) finish_ = calls_count_ != 0 ? Finish::tool_calls : Finish::stop;
  out.raw("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{");
  out.member("stop_reason", stop_reason_of(finish_));
  out.raw(R"(,"stop_sequence":null},"usage":)");
  write_anthropic_usage(usage_, out);
  out.raw("}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
  over_ = true;
}

bool OpenaiToAnthropicStream::end(JsonBuilder& out) {
  if (over_) return !failed_;
  if (finish_ == Finish::none) return false;
  last_events(out);
  return true;
}

}  // namespace headrace::dialect
