#include "dialect/usage.h"

#include <algorithm>
#include <array>
#include <span>

#include "dialect/reported_cost.h"
#include "http/sse.h"
#include "json/find_word.h"
#include "json/scan.h"

namespace headrace::dialect {
namespace {

using api::InclusiveUsage;
using api::Usage;
using json::FoundValue;
using json::Node;
using json::Type;
using json::Value;

// Most of those that are asked for are absent.
std::uint32_t tokens(const Value& value) {
  if (!value.found()) return kNoTokens;
  const auto count = value.count();
  if (!count) return kNoTokens;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(*count, kNoTokens - 1));
}

std::uint32_t first_given(std::uint32_t first, std::uint32_t second) {
  return first != kNoTokens ? first : second;
}

std::uint32_t or_zero(std::uint32_t count) {
  return count == kNoTokens ? 0 : count;
}

std::uint32_t sum(std::uint64_t left, std::uint64_t right) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(left + right, kNoTokens - 1));
}

enum Field : std::size_t {
  kPrompt,
  kCompletion,
  kTotal,
  kInput,
  kOutput,
  kPromptDetails,
  kInputDetails,
  kCompletionDetails,
  kOutputDetails,
  kCacheHit,
  kCachedFlat,
  kNumCached,
  kReasoningFlat,
  kCost,
  kCostTicks,
  kCostEstimated,
  kFieldCount
};
constexpr std::array<Bytes, kFieldCount> kFields = {"prompt_tokens",
                                                    "completion_tokens",
                                                    "total_tokens",
                                                    "input_tokens",
                                                    "output_tokens",
                                                    "prompt_tokens_details",
                                                    "input_tokens_details",
                                                    "completion_tokens_details",
                                                    "output_tokens_details",
                                                    "prompt_cache_hit_tokens",
                                                    "cached_tokens",
                                                    "num_cached_tokens",
                                                    "reasoning_tokens",
                                                    "cost",
                                                    "cost_in_usd_ticks",
                                                    "estimated_cost"};

void read_details_in(Value details, InclusiveUsage& usage) {
  static constexpr std::array<Bytes, 6> kKeys = {"cached_tokens",
                                                 "cache_write_tokens",
                                                 "cache_creation_input_tokens",
                                                 "audio_tokens",
                                                 "image_tokens",
                                                 "cached_tokens_details"};
  const auto [cached, written, created, audio, image, cached_details] = json::pick<kKeys>(details);
  usage.cached = tokens(cached);
  usage.write_5m = first_given(tokens(written), tokens(created));
  usage.audio_in = tokens(audio);
  usage.image_in = tokens(image);
  usage.audio_cached = tokens(cached_details.member("audio_tokens"));
}

void read_details_out(Value details, InclusiveUsage& usage) {
  static constexpr std::array<Bytes, 3> kKeys = {
      "reasoning_tokens", "audio_tokens", "image_tokens"};
  const auto [reasoning, audio, image] = json::pick<kKeys>(details);
  usage.reasoning = tokens(reasoning);
  usage.audio_out = tokens(audio);
  usage.image_out = tokens(image);
}

// Providers that leave reasoning out of the completion betray it by their totals; one reports more
// reasoning than completion.
void even_out(InclusiveUsage& usage, std::uint32_t total) {
  if (usage.completion == kNoTokens) return;
  const std::uint64_t parts = std::uint64_t{or_zero(usage.prompt)} + usage.completion;
  if (total != kNoTokens && total > parts) {
    const std::uint64_t rest = total - parts;
    usage.completion = sum(usage.completion, rest);
    if (usage.reasoning == kNoTokens) usage.reasoning = sum(rest, 0);
  } else if (usage.reasoning != kNoTokens && usage.reasoning > usage.completion) {
    usage.completion = sum(usage.completion, usage.reasoning);
  }
}

// -- scanning

// What stands between the quotes of a string.
Bytes text_of(const FoundValue& value, Bytes document) {
  return value.type == Type::string ? value.text(document).substr(1, value.size - 2) : Bytes{};
}

Bytes object_member(Bytes object, Bytes name) {
  FoundValue found;
  const json::ScanResult result =
      json::scan_object(object, std::span<const Bytes>(&name, 1), {&found, 1}, json::Utf8::trust);
  const bool readable = result.ok() || result.fault == json::Fault::duplicate_key;
  return readable && found.type == Type::object ? found.text(object) : Bytes{};
}

// Calls `use` with the usage object of `holder`, if there is a sensible one, and with the service
// tier that stands beside it.
template <class Use>
bool with_usage(Bytes holder, Use use) {
  static constexpr json::Names kKeys(std::array<Bytes, 2>{"usage", "service_tier"});
  std::array<FoundValue, 2> found;
  std::array<Node, kUsageNodes> nodes;
  const json::TapedScan result =
      json::scan_object_taping(holder, kKeys, found, 0, nodes, json::Utf8::trust);
  const auto& [usage, tier] = found;
  const bool readable = result.scan.ok() || result.scan.fault == json::Fault::duplicate_key;
  if (!readable || usage.type != Type::object || !result.taped) return false;
  use(Value(&holder.front(), nodes.data()), text_of(tier, holder));
  return true;
}

}  // namespace

Usage read_openai_usage(Value value) {
  const auto found = json::pick<kFields>(value);
  InclusiveUsage usage;
  usage.prompt = first_given(tokens(found[kPrompt]), tokens(found[kInput]));
  usage.completion = first_given(tokens(found[kCompletion]), tokens(found[kOutput]));
  const bool chat = found[kPromptDetails].given();
  read_details_in(found[chat ? kPromptDetails : kInputDetails], usage);
  const bool chat_out = found[kCompletionDetails].given();
  read_details_out(found[chat_out ? kCompletionDetails : kOutputDetails], usage);
  for (const Field flat : {kCacheHit, kCachedFlat, kNumCached}) {
    usage.cached = first_given(usage.cached, tokens(found[flat]));
  }
  usage.reasoning = first_given(usage.reasoning, tokens(found[kReasoningFlat]));
  even_out(usage, tokens(found[kTotal]));
  Usage disjoint = usage.disjoint();
  disjoint.reported_cost = reported_cost({found[kCost], found[kCostTicks], found[kCostEstimated]});
  return disjoint;
}

void AnthropicCounts::read(Value usage) {
  static constexpr std::array<Bytes, 8> kKeys = {"input_tokens",
                                                 "cache_read_input_tokens",
                                                 "cache_creation_input_tokens",
                                                 "cache_creation",
                                                 "output_tokens",
                                                 "output_tokens_details",
                                                 "service_tier",
                                                 "speed"};
  const auto [in, hit, made, split, out, details, tier, speed] = json::pick<kKeys>(usage);
  input = first_given(tokens(in), input);
  cache_read = first_given(tokens(hit), cache_read);
  cache_written = first_given(tokens(made), cache_written);
  written_5m = first_given(tokens(split.member("ephemeral_5m_input_tokens")), written_5m);
  written_1h = first_given(tokens(split.member("ephemeral_1h_input_tokens")), written_1h);
  output = first_given(tokens(out), output);
  thinking = first_given(tokens(details.member("thinking_tokens")), thinking);
  // Speed has a price of its own, whatever the tier.
  served.set_tier(speed.reads("fast") ? speed.body() : tier.body());
}

Usage AnthropicCounts::disjoint() const {
  Usage usage = served;
  if (input != kNoTokens) usage.set(TokenClass::input, input);
  if (cache_read != kNoTokens) usage.set(TokenClass::cache_read, cache_read);
  if (written_1h != kNoTokens) usage.set(TokenClass::cache_write_1h, written_1h);
  if (cache_written != kNoTokens) {
    usage.set(TokenClass::cache_write_5m,
              cache_written - std::min(cache_written, or_zero(written_1h)));
  } else if (written_5m != kNoTokens) {
    usage.set(TokenClass::cache_write_5m, written_5m);
  }
  if (thinking != kNoTokens) usage.set(TokenClass::reasoning, thinking);
  if (output != kNoTokens) {
    usage.set(TokenClass::output, output - std::min(output, or_zero(thinking)));
  }
  return usage;
}

bool may_carry_usage(Bytes event) {
  // Its u and its g: few words have them so far apart, while the quotes of a word of five letters
  // stand around half of the keys.
  constexpr json::Word kKey("\"usage\"", 1, 4);
  constexpr Bytes kBlanks = " \t\r\n";
  for (std::size_t at = json::find_word<kKey>(event); at != Bytes::npos;
       at = json::find_word<kKey>(event, at + 1)) {
    std::size_t next = event.find_first_not_of(kBlanks, at + kKey.kSize);
    if (next == Bytes::npos || event[next] != ':') continue;
    next = event.find_first_not_of(kBlanks, next + 1);
    if (next != Bytes::npos && event[next] == '{') return true;
  }
  return false;
}

bool scan_chat_answer(Bytes body, char* /*scratch*/, UsageScan& scan) {
  const auto take = [&](Value usage, Bytes tier) {
    scan.usage = read_openai_usage(usage);
    scan.usage.set_tier(tier);
  };
  if (with_usage(body, take)) return true;
  const Bytes groq = object_member(body, "x_groq");
  return !groq.empty() && with_usage(groq, take);
}

bool scan_chat_event(Bytes event, char* scratch, UsageScan& scan) {
  if (!may_carry_usage(event)) return false;
  const http::SseEvent parsed = http::parse_sse_event(event, scratch);
  return parsed.has_data && scan_chat_answer(parsed.data, scratch, scan);
}

bool scan_message_answer(Bytes body, char* /*scratch*/, UsageScan& scan) {
  return with_usage(body, [&](Value usage, Bytes /*tier*/) {
    scan.counts.read(usage);
    scan.usage = scan.counts.disjoint();
  });
}

// message_delta has its usage at the top, message_start inside the message.
bool scan_message_event(Bytes event, char* scratch, UsageScan& scan) {
  if (!may_carry_usage(event)) return false;
  const http::SseEvent parsed = http::parse_sse_event(event, scratch);
  if (!parsed.has_data) return false;
  const Bytes message = object_member(parsed.data, "message");
  return scan_message_answer(message.empty() ? parsed.data : message, scratch, scan);
}

bool scan_response_answer(Bytes body, char* /*scratch*/, UsageScan& scan) {
  return with_usage(body, [&](Value usage, Bytes tier) {
    scan.usage = read_openai_usage(usage);
    scan.usage.set_tier(tier);
  });
}

// The events that report the whole response have its usage inside; only the last of them gives it.
bool scan_response_event(Bytes event, char* scratch, UsageScan& scan) {
  if (!may_carry_usage(event)) return false;
  const http::SseEvent parsed = http::parse_sse_event(event, scratch);
  if (!parsed.has_data) return false;
  const Bytes response = object_member(parsed.data, "response");
  return !response.empty() && scan_response_answer(response, scratch, scan);
}

Usage read_usage(api::Family provider, Value usage) {
  if (provider == api::Family::openai) return read_openai_usage(usage);
  AnthropicCounts counts;
  counts.read(usage);
  return counts.disjoint();
}

void write_openai_usage(const Usage& usage, api::JsonBuilder& out) {
  const std::uint64_t in = usage.total_in();
  const std::uint64_t completion = usage.total_out();
  out.raw(R"({"prompt_tokens":)");
  out.number(in);
  out.raw(R"(,"completion_tokens":)");
  out.number(completion);
  out.raw(R"(,"total_tokens":)");
  out.number(in + completion);
  out.raw(R"(,"prompt_tokens_details":{"cached_tokens":)");
  out.number(usage.count(TokenClass::cache_read) + usage.count(TokenClass::audio_cached));
  out.raw(R"(,"cache_write_tokens":)");
  out.number(usage.count(TokenClass::cache_write_5m) + usage.count(TokenClass::cache_write_1h));
  out.raw('}');
  if (usage.has(TokenClass::reasoning)) {
    out.raw(R"(,"completion_tokens_details":{"reasoning_tokens":)");
    out.number(usage.count(TokenClass::reasoning));
    out.raw('}');
  }
  out.raw('}');
}

void write_anthropic_usage(const Usage& usage, api::JsonBuilder& out) {
  const std::uint64_t read =
      usage.count(TokenClass::cache_read) + usage.count(TokenClass::audio_cached);
  const std::uint64_t written =
      usage.count(TokenClass::cache_write_5m) + usage.count(TokenClass::cache_write_1h);
  out.raw(R"({"input_tokens":)");
  out.number(usage.total_in() - read - written);
  out.raw(R"(,"cache_creation_input_tokens":)");
  out.number(written);
  out.raw(R"(,"cache_read_input_tokens":)");
  out.number(read);
  out.raw(R"(,"output_tokens":)");
  out.number(usage.total_out());
  if (usage.has(TokenClass::reasoning)) {
    out.raw(R"(,"output_tokens_details":{"thinking_tokens":)");
    out.number(usage.count(TokenClass::reasoning));
    out.raw('}');
  }
  out.raw('}');
}

}  // namespace headrace::dialect
