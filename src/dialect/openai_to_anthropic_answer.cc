// A chat completion (OpenAI's plain answer) as a message.
#include <array>

#include "dialect/message_id.h"
#include "dialect/stop_reasons.h"
#include "dialect/tool_input.h"
#include "dialect/translate.h"
#include "dialect/usage.h"

namespace headrace::dialect {
namespace {

using api::Finish;
using api::JsonBuilder;
using base::Status;
using json::Type;
using json::Value;

constexpr std::array<Bytes, 6> kFields = {
    "id", "model", "choices", "usage", "x_groq", "service_tier"};

enum Field : std::size_t {
  kContent,
  kRefusal,
  kToolCalls,
  kReasoning,
  kReasoningShort,
  kThinkingBlocks,
  kFieldCount
};
constexpr std::array<Bytes, kFieldCount> kMessageFields = {
    "content", "refusal", "tool_calls", "reasoning_content", "reasoning", "thinking_blocks"};
using Message = std::array<Value, kFieldCount>;

void write_text(Bytes body, JsonBuilder& out) {
  if (body.empty()) return;
  out.comma();
  out.raw(R"({"type":"text")");
  out.member("text", body);
  out.raw('}');
}

void write_thinking(Bytes thinking, Bytes signature, JsonBuilder& out) {
  out.comma();
  out.raw(R"({"type":"thinking")");
  out.member("thinking", thinking);
  out.member("signature", signature);
  out.raw('}');
}

// Signed blocks where the provider (another gateway) has them, else the visible text.
void write_thoughts(const Message& message, JsonBuilder& out) {
  static constexpr std::array<Bytes, 4> kKeys = {"type", "thinking", "signature", "data"};
  json::Elements walk(message[kThinkingBlocks]);
  Value block;
  bool any = false;
  while (walk.next(block)) {
    const auto [type, thinking, signature, data] = json::pick<kKeys>(block);
    any = true;
    if (type.reads("redacted_thinking")) {
      out.comma();
      out.raw(R"({"type":"redacted_thinking")");
      out.member("data", data.body());
      out.raw('}');
    } else {
      write_thinking(thinking.body(), signature.body(), out);
    }
  }
  const Value reasoning =
      message[kReasoning].has_text() ? message[kReasoning] : message[kReasoningShort];
  if (!any && reasoning.has_text()) write_thinking(reasoning.body(), {}, out);
}

// Parts in place of a string (Mistral): thoughts are lists of texts themselves.
void write_parts(Value parts, JsonBuilder& out) {
  static constexpr std::array<Bytes, 3> kKeys = {"type", "text", "thinking"};
  json::Elements walk(parts);
  Value part;
  while (walk.next(part)) {
    const auto [type, text, thinking] = json::pick<kKeys>(part);
    if (!type.reads("thinking")) {
      write_text(text.body(), out);
      continue;
    }
    json::Elements thoughts(thinking);
    Value thought;
    while (thoughts.next(thought)) write_thinking(thought.member("text").body(), {}, out);
  }
}

Status write_calls(Value calls, Finish finish, JsonBuilder& out) {
  static constexpr std::array<Bytes, 2> kKeys = {"id", "function"};
  static constexpr std::array<Bytes, 2> kFunction = {"name", "arguments"};
  json::Elements walk(calls);
  Value call;
  for (std::size_t number = 0; walk.next(call); ++number) {
    const auto [id, function] = json::pick<kKeys>(call);
    const auto [name, arguments] = json::pick<kFunction>(function);
    out.comma();
    out.raw(R"({"type":"tool_use","id":")");
    write_call_id(id.body(), number, out);
    out.raw('"');
    out.member("name", name.body());
    out.raw(R"(,"input":)");
    if (!write_tool_input(arguments, out)) {
      // Cut off in the middle of its arguments: the call stands without them, as Anthropic has it.
      if (finish != Finish::length) return base::upstream_error(base::Errc::upstream_protocol);
      out.raw("{}");
    }
    out.raw('}');
  }
  return {};
}

Finish finish_of(Value choice, const Message& message) {
  const Finish finish = finish_of_finish_reason(choice.member("finish_reason"));
  if (message[kRefusal].has_text()) return Finish::content_filter;
  const bool calls = !json::Elements(message[kToolCalls]).empty();
  return calls && finish == Finish::stop ? Finish::tool_calls : finish;
}

}  // namespace

Status openai_to_anthropic_answer(Value body, AnswerTranslation& translation, JsonBuilder& out) {
  const auto [id, model, choices, usage, groq, tier] = json::pick<kFields>(body);
  json::Elements walk(choices);
  Value choice;
  const bool any = walk.next(choice);
  if (!any || !choice.member("message").is(Type::object)) {
    return base::upstream_error(base::Errc::upstream_protocol);
  }
  const Message message = json::pick<kMessageFields>(choice.member("message"));
  translation.usage = read_openai_usage(usage.is(Type::object) ? usage : groq.member("usage"));
  translation.usage.set_tier(tier.body());
  translation.finish = finish_of(choice, message);

  out.raw(R"({"id":")");
  write_message_id(id.body(), out);
  out.raw(R"(","type":"message","role":"assistant")");
  out.member("model", model.body());
  out.raw(R"(,"content":[)");
  write_thoughts(message, out);
  write_text(message[kContent].body(), out);
  write_parts(message[kContent], out);
  write_text(message[kRefusal].body(), out);
  HEADRACE_TRY(write_calls(message[kToolCalls], translation.finish, out));
  out.raw(']');
  out.member("stop_reason", stop_reason_of(translation.finish));
  out.raw(R"(,"stop_sequence":null,"usage":)");
  write_anthropic_usage(translation.usage, out);
  out.raw('}');
  return {};
}

}  // namespace headrace::dialect
