#include "dialect/anthropic_to_openai_stream.h"

#include "base/assert.h"
#include "dialect/provider_error.h"
#include "dialect/stop_reasons.h"

namespace headrace::dialect {

using api::EventKind;
using api::Finish;
using api::JsonBuilder;
using json::Type;
using json::Value;

namespace {

api::ErrorDetail unreadable_stream() {
  api::ErrorDetail detail;
  detail.reason = "Its events are not those of its dialect.";
  return detail;
}

}  // namespace

EventKind AnthropicToOpenaiStream::take(Bytes event, JsonBuilder& out) {
  HEADRACE_ASSERT(!over_);
  switch (reader_.read(event)) {
    case EventReader::Found::nothing:
    case EventReader::Found::end_marker:
      return EventKind::quiet;
    case EventReader::Found::unreadable:
      return fail(out);
    case EventReader::Found::object:
      break;
  }
  return dispatch(reader_.root(), out);
}

EventKind AnthropicToOpenaiStream::dispatch(Value event, JsonBuilder& out) {
  enum Field : std::size_t { kType, kMessage, kBlock, kDelta, kError, kCount };
  static constexpr std::array<Bytes, kCount> kKeys = {
      "type", "message", "content_block", "delta", "error"};
  const auto fields = json::pick<kKeys>(event);
  const Value type = fields[kType];
  if (type.reads("error") || fields[kError].given()) {
    write_provider_error_event(api::Family::openai, classify_error(0, event), out);
    over_ = failed_ = true;
    return EventKind::error;
  }
  if (type.reads("message_start")) return message_start(fields[kMessage], out);
  const bool about_message = type.reads("content_block_start") ||
                             type.reads("content_block_delta") || type.reads("message_delta") ||
                             type.reads("message_stop");
  if (about_message && !started_) return fail(out);
  if (type.reads("content_block_delta")) return block_delta(fields[kDelta], out);
  if (type.reads("content_block_start")) return block_start(fields[kBlock], out);
  if (type.reads("content_block_stop")) return block_stop(out);
  if (type.reads("message_delta")) return message_delta(event, fields[kDelta], out);
  if (!type.reads("message_stop")) return EventKind::quiet;
  if (finish_ == Finish::none) return fail(out);
  last_events(out);
  return EventKind::done;
}

EventKind AnthropicToOpenaiStream::fail(JsonBuilder& out) {
  std::array<char, api::kErrorBodyBytes> text;
  const base::Error error = base::upstream_error(base::Errc::upstream_protocol);
  out.raw(api::write_error_event(api::Family::openai, error, unreadable_stream(), text));
  over_ = failed_ = true;
  return EventKind::error;
}

// The head of every chunk.
void AnthropicToOpenaiStream::begin_object(JsonBuilder& out) {
  out.raw(R"(data: {"id":")");
  out.raw(id_.view());
  out.raw(R"(","object":"chat.completion.chunk","created":)");
  out.number(static_cast<std::uint64_t>(options_.created));
  out.raw(R"(,"model":")");
  out.raw(model_.view());
  out.raw(R"(",)");
}

// Through the delta's colon.
void AnthropicToOpenaiStream::begin_chunk(JsonBuilder& out) {
  begin_object(out);
  out.raw(R"("choices":[{"index":0,"delta":)");
}

void AnthropicToOpenaiStream::end_chunk(JsonBuilder& out) {
  out.raw(R"(,"logprobs":null,"finish_reason":null}])");
  out.raw(options_.wants_usage ? ",\"usage\":null}\n\n" : "}\n\n");
}

EventKind AnthropicToOpenaiStream::text_delta(Bytes name,
                                              Bytes body,
                                              EventKind kind,
                                              JsonBuilder& out) {
  if (body.empty()) return EventKind::quiet;
  begin_chunk(out);
  out.raw('{');
  out.member(name, body);
  out.raw('}');
  end_chunk(out);
  return kind;
}

EventKind AnthropicToOpenaiStream::message_start(Value message, JsonBuilder& out) {
  static constexpr std::array<Bytes, 4> kKeys = {"id", "model", "usage", "content"};
  const auto [id, model, usage, content] = json::pick<kKeys>(message);
  if (started_) return id.body() == id_.view() ? EventKind::quiet : fail(out);
  if (!message.is(Type::object) || !id_.assign(id.body()) || !model_.assign(model.body())) {
    return fail(out);
  }
  started_ = true;
  counts_.read(usage);
  begin_chunk(out);
  out.raw(R"({"role":"assistant","content":""})");
  end_chunk(out);
  // Blocks that were there before the stream began are whole.
  EventKind strongest = EventKind::quiet;
  json::Elements walk(content);
  Value block;
  while (walk.next(block)) {
    const EventKind kind = block_start(block, out);
    block_stop(out);
    if (kind > strongest) strongest = kind;
  }
  return strongest;
}

EventKind AnthropicToOpenaiStream::block_start(Value block, JsonBuilder& out) {
  static constexpr std::array<Bytes, 5> kKeys = {"type", "text", "thinking", "signature", "data"};
  const auto [type, text, thinking, signature, data] = json::pick<kKeys>(block);
  open_ = Block::other;
  if (type.reads("text")) {
    open_ = Block::text;
    return text_delta("content", text.body(), EventKind::useful, out);
  }
  if (type.reads("thinking")) {
    open_ = Block::thinking;
    const EventKind kind =
        text_delta("reasoning_content", thinking.body(), EventKind::reasoning, out);
    if (signature.has_text()) thinking_block("thinking", "signature", signature.body(), out);
    return kind;
  }
  if (type.reads("redacted_thinking")) {
    thinking_block("redacted_thinking", "data", data.body(), out);
    return EventKind::reasoning;
  }
  if (!type.reads("tool_use")) return EventKind::quiet;
  tool_start(block, out);
  return EventKind::useful;
}

// What a client must give back unchanged for the next turn.
void AnthropicToOpenaiStream::thinking_block(Bytes type, Bytes name, Bytes body, JsonBuilder& out) {
  begin_chunk(out);
  out.raw(R"({"thinking_blocks":[{"index":)");
  out.number(block_index_);
  out.member("type", type);
  out.member(name, body);
  out.raw("}]}");
  end_chunk(out);
}

void AnthropicToOpenaiStream::tool_start(Value block, JsonBuilder& out) {
  static constexpr std::array<Bytes, 3> kKeys = {"id", "name", "input"};
  const auto [id, name, input] = json::pick<kKeys>(block);
  open_ = Block::tool;
  has_arguments_ = false;
  begin_chunk(out);
  out.raw(R"({"tool_calls":[{"index":)");
  out.number(tools_++);
  out.member("id", id.body());
  out.raw(R"(,"type":"function","function":{)");
  out.member("name", name.body());
  out.raw(R"(,"arguments":""}}]})");
  end_chunk(out);
  if (!input.is(Type::object) || input.inner_nodes() == 0) return;
  // A server that does not stream arguments.
  begin_arguments(out);
  out.embed(input.raw());
  end_arguments(out);
}

void AnthropicToOpenaiStream::begin_arguments(JsonBuilder& out) {
  begin_chunk(out);
  out.raw(R"({"tool_calls":[{"index":)");
  out.number(tools_ - 1);
  out.raw(R"(,"function":{"arguments":")");
}

void AnthropicToOpenaiStream::end_arguments(JsonBuilder& out) {
  out.raw(R"("}}]})");
  end_chunk(out);
  has_arguments_ = true;
}

EventKind AnthropicToOpenaiStream::block_delta(Value delta, JsonBuilder& out) {
  static constexpr std::array<Bytes, 5> kKeys = {
      "type", "text", "thinking", "signature", "partial_json"};
  const auto [type, text, thinking, signature, json] = json::pick<kKeys>(delta);
  if (type.reads("text_delta")) {
    return text_delta("content", text.body(), EventKind::useful, out);
  }
  if (type.reads("thinking_delta")) {
    return text_delta("reasoning_content", thinking.body(), EventKind::reasoning, out);
  }
  if (type.reads("signature_delta") && signature.has_text()) {
    thinking_block("thinking", "signature", signature.body(), out);
    return EventKind::quiet;
  }
  const bool argues = type.reads("input_json_delta") && open_ == Block::tool && json.has_text();
  if (!argues) return EventKind::quiet;
  begin_arguments(out);
  out.raw(json.body());
  end_arguments(out);
  return EventKind::useful;
}

EventKind AnthropicToOpenaiStream::block_stop(JsonBuilder& out) {
  const bool bare = open_ == Block::tool && !has_arguments_;
  open_ = Block::other;
  ++block_index_;
  if (!bare) return EventKind::quiet;
  begin_arguments(out);
  out.raw("{}");
  end_arguments(out);
  return EventKind::useful;
}

EventKind AnthropicToOpenaiStream::message_delta(Value event, Value delta, JsonBuilder& out) {
  static constexpr std::array<Bytes, 2> kKeys = {"stop_reason", "stop_details"};
  const auto [reason, details] = json::pick<kKeys>(delta);
  counts_.read(event.member("usage"));
  if (!reason.has_text() || finish_ != Finish::none) return EventKind::quiet;
  finish_ = finish_of_stop_reason(reason);
  begin_chunk(out);
  const Value explanation = details.member("explanation");
  out.raw('{');
  if (finish_ == Finish::content_filter && explanation.has_text()) {
    out.member("refusal", explanation.body());
  }
  out.raw(R"(},"logprobs":null)");
  out.member("finish_reason", finish_reason_of(finish_));
  out.raw(options_.wants_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n");
  return EventKind::finish;
}

void AnthropicToOpenaiStream::last_events(JsonBuilder& out) {
  if (options_.wants_usage) {
    begin_object(out);
    out.raw(R"("choices":[],"usage":)");
    write_openai_usage(usage(), out);
    out.raw("}\n\n");
  }
  out.raw("data: [DONE]\n\n");
  over_ = true;
}

bool AnthropicToOpenaiStream::end(JsonBuilder& out) {
  if (over_) return !failed_;
  if (finish_ == Finish::none) return false;
  last_events(out);
  return true;
}

}  // namespace headrace::dialect
