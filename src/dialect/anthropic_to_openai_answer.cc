// A message (Anthropic's plain answer) as a chat completion.
#include <array>

#include "dialect/stop_reasons.h"
#include "dialect/translate.h"
#include "dialect/usage.h"

namespace headrace::dialect {
namespace {

using api::Finish;
using api::JsonBuilder;
using base::Status;
using json::Type;
using json::Value;

enum Field : std::size_t { kType, kId, kModel, kContent, kReason, kDetails, kUsage, kFieldCount };
constexpr std::array<Bytes, kFieldCount> kFields = {
    "type", "id", "model", "content", "stop_reason", "stop_details", "usage"};

enum BlockField : std::size_t {
  kBlockType,
  kText,
  kThinking,
  kSignature,
  kData,
  kCallId,
  kName,
  kInput,
  kBlockFieldCount
};
constexpr std::array<Bytes, kBlockFieldCount> kBlockFields = {
    "type", "text", "thinking", "signature", "data", "id", "name", "input"};
using Block = std::array<Value, kBlockFieldCount>;

// Blocks are visited once for each member of the message that they end up in.
template <class Visit>
void each_block(Value content, Bytes type, Visit visit) {
  json::Elements walk(content);
  Value value;
  while (walk.next(value)) {
    const Block block = json::pick<kBlockFields>(value);
    if (block[kBlockType].reads(type)) visit(block);
  }
}

std::size_t count_blocks(Value content, Bytes type) {
  std::size_t count = 0;
  each_block(content, type, [&](const Block&) { ++count; });
  return count;
}

void write_content(Value content, JsonBuilder& out) {
  const bool silent = count_blocks(content, "text") == 0 && count_blocks(content, "tool_use") != 0;
  if (silent) return out.raw("null");
  out.raw('"');
  each_block(content, "text", [&](const Block& block) { out.raw(block[kText].body()); });
  out.raw('"');
}

void write_thinking_block(const Block& block, JsonBuilder& out) {
  out.comma();
  if (block[kData].found()) {
    out.raw(R"({"type":"redacted_thinking")");
    out.member("data", block[kData].body());
  } else {
    out.raw(R"({"type":"thinking")");
    out.member("thinking", block[kThinking].body());
    out.member("signature", block[kSignature].body());
  }
  out.raw('}');
}

// The signatures go along in the order of the blocks: they must come back like that.
void write_thoughts(Value content, JsonBuilder& out) {
  if (count_blocks(content, "thinking") != 0) {
    out.raw(R"(,"reasoning_content":")");
    each_block(content, "thinking", [&](const Block& block) { out.raw(block[kThinking].body()); });
    out.raw('"');
  }
  const std::size_t place = out.size();
  out.raw(R"(,"thinking_blocks":[)");
  const std::size_t empty = out.size();
  json::Elements walk(content);
  Value value;
  while (walk.next(value)) {
    const Block block = json::pick<kBlockFields>(value);
    const bool thinks =
        block[kBlockType].reads("thinking") || block[kBlockType].reads("redacted_thinking");
    if (thinks) write_thinking_block(block, out);
  }
  if (out.size() == empty) return out.cut(place);
  out.raw(']');
}

void write_calls(Value content, JsonBuilder& out) {
  if (count_blocks(content, "tool_use") == 0) return;
  out.raw(R"(,"tool_calls":[)");
  each_block(content, "tool_use", [&](const Block& block) {
    out.comma();
    out.raw('{');
    out.member("id", block[kCallId].body());
    out.raw(R"(,"type":"function","function":{)");
    out.member("name", block[kName].body());
    out.raw(R"(,"arguments":")");
    out.embed(block[kInput].is(Type::object) ? block[kInput].raw() : Bytes("{}"));
    out.raw(R"("}})");
  });
  out.raw(']');
}

void write_refusal(Value details, Finish finish, JsonBuilder& out) {
  const Value explanation = details.member("explanation");
  const bool refused = finish == Finish::content_filter && explanation.has_text();
  out.raw(R"(,"refusal":)");
  out.raw(refused ? explanation.raw() : Bytes("null"));
}

}  // namespace

Status anthropic_to_openai_answer(Value body, AnswerTranslation& translation, JsonBuilder& out) {
  const auto fields = json::pick<kFields>(body);
  const Value content = fields[kContent];
  if (!content.is(Type::array) || fields[kType].reads("error")) {
    return base::upstream_error(base::Errc::upstream_protocol);
  }
  AnthropicCounts counts;
  counts.read(fields[kUsage]);
  translation.usage = counts.disjoint();
  translation.finish = finish_of_stop_reason(fields[kReason]);

  out.raw('{');
  out.member("id", fields[kId].body());
  out.raw(R"(,"object":"chat.completion","created":)");
  out.number(static_cast<std::uint64_t>(translation.created));
  out.member("model", fields[kModel].body());
  out.raw(R"(,"choices":[{"index":0,"message":{"role":"assistant","content":)");
  write_content(content, out);
  write_refusal(fields[kDetails], translation.finish, out);
  write_thoughts(content, out);
  write_calls(content, out);
  out.raw(R"(},"logprobs":null)");
  out.member("finish_reason", finish_reason_of(translation.finish));
  out.raw(R"(}],"usage":)");
  write_openai_usage(translation.usage, out);
  out.raw('}');
  return {};
}

}  // namespace headrace::dialect
