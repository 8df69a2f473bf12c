// A chat completions request as a messages request.
#include <algorithm>
#include <array>
#include <charconv>

#include "dialect/json_schema.h"
#include "dialect/model_rules.h"
#include "dialect/openai_to_anthropic_messages.h"
#include "dialect/openai_to_anthropic_tools.h"
#include "dialect/translate.h"

namespace headrace::dialect {
namespace {

using api::JsonBuilder;
using base::Status;
using json::Type;
using json::Value;

enum Field : std::size_t {
  kMessages,
  kStream,
  kMaxCompletionTokens,
  kMaxTokens,
  kTemperature,
  kTopP,
  kStop,
  kTools,
  kToolChoice,
  kParallel,
  kEffort,
  kFormat,
  kSafetyId,
  kUser,
  kServiceTier,
  kFieldCount
};
constexpr std::array<Bytes, kFieldCount> kFields = {"messages",
                                                    "stream",
                                                    "max_completion_tokens",
                                                    "max_tokens",
                                                    "temperature",
                                                    "top_p",
                                                    "stop",
                                                    "tools",
                                                    "tool_choice",
                                                    "parallel_tool_calls",
                                                    "reasoning_effort",
                                                    "response_format",
                                                    "safety_identifier",
                                                    "user",
                                                    "service_tier"};

// What cannot be kept, unless it has a value that asks for nothing (`harmless`, or null).
struct Refused {
  Bytes name;
  Bytes harmless;
  Bytes reason;
};
constexpr Bytes kOneOnly = "This provider gives one answer a request.";
constexpr Bytes kNoState = "This provider keeps no state of requests.";
constexpr Bytes kNoLogprobs = "This provider reports no probabilities of tokens.";
constexpr Bytes kNoAudio = "This provider takes and gives no audio.";
constexpr Bytes kNoSearch = "Searching is not translated for this provider.";
constexpr Bytes kOldTools = "Functions in their oldest form are not translated; send `tools`.";
constexpr std::array<Refused, 11> kRefused = {{{"n", "1", kOneOnly},
                                               {"store", "false", kNoState},
                                               {"previous_response_id", "", kNoState},
                                               {"conversation", "", kNoState},
                                               {"logprobs", "false", kNoLogprobs},
                                               {"top_logprobs", "0", kNoLogprobs},
                                               {"audio", "", kNoAudio},
                                               {"modalities", R"(["text"])", kNoAudio},
                                               {"web_search_options", "", kNoSearch},
                                               {"functions", "[]", kOldTools},
                                               {"function_call", R"("none")", kOldTools}}};

// Hints: the answer means the same without them.
constexpr std::array<Bytes, 13> kDropped = {"frequency_penalty",
                                            "logit_bias",
                                            "metadata",
                                            "moderation",
                                            "prediction",
                                            "presence_penalty",
                                            "prompt_cache_key",
                                            "prompt_cache_options",
                                            "prompt_cache_retention",
                                            "seed",
                                            "stream_options",
                                            "thinking",
                                            "verbosity"};
// Names of ours and what needs no word when it is gone.
constexpr std::array<Bytes, 2> kConsumed = {"model", "headrace"};

constexpr std::uint64_t kPlainAnswerMax = 21'333;  // above it, only streams are allowed
constexpr std::uint64_t kBudgetMin = 1024;

struct Effort {
  Bytes name;
  Bytes adaptive;
  std::uint64_t budget;
};
constexpr std::array<Effort, 6> kEfforts = {{{"minimal", "low", 1024},
                                             {"low", "low", 2048},
                                             {"medium", "medium", 8192},
                                             {"high", "high", 16384},
                                             {"xhigh", "xhigh", 32768},
                                             {"max", "max", 32768}}};

constexpr Bytes kJsonInstruction =
    "Answer with one valid JSON object and nothing else: no text around it, no code fences.";
constexpr Bytes kSchemaInstruction =
    "Answer with JSON that fits the following JSON Schema and nothing else: no text around it, no "
    "code fences. Schema: ";

bool is_blank_body(Bytes body) {
  return body.find_first_not_of(' ') == Bytes::npos || body == "\\n" || body == "\\n\\n" ||
         body == "\\t";
}

// The translation, field by field in the order of the output.
class RequestWriter {
 public:
  RequestWriter(Value body, RequestTranslation& translation, JsonBuilder& out)
      : fields_(json::pick<kFields>(body)),
        body_(body),
        tools_{fields_[kTools], fields_[kToolChoice], fields_[kParallel]},
        translation_(translation),
        out_(out),
        rules_(claude_rules(translation.model)) {}

  Status write() {
    HEADRACE_TRY(judge_unknown());
    if (!fields_[kMessages].is(Type::array)) {
      return refuse(translation_, "messages", "The field `messages` must be a list.");
    }
    HEADRACE_TRY(judge_tool_choice());
    out_.raw(R"({"model":")");
    out_.text(translation_.model);
    out_.raw('"');
    HEADRACE_TRY(max_tokens());
    HEADRACE_TRY(conversation());
    if (fields_[kStream].is_true()) out_.raw(R"(,"stream":true)");
    HEADRACE_TRY(stop());
    HEADRACE_TRY(thinking());
    sampling();
    HEADRACE_TRY(write_anthropic_tools(tools_, translation_, out_));
    write_anthropic_tool_choice(tools_, out_);
    output_config();
    user();
    service_tier();
    out_.raw('}');
    return {};
  }

 private:
  Status fail(Bytes param, Bytes reason) { return refuse(translation_, param, reason); }
  void drop(Bytes name) { translation_.dropped.add(name); }

  // One look at every top-level member that is not translated.
  Status judge_unknown() {
    json::Members walk(body_);
    Value key;
    Value value;
    while (walk.next(key, value)) {
      for (const Refused& row : kRefused) {
        if (!key.reads(row.name) || !value.given() || value.raw() == row.harmless) continue;
        return fail(row.name, row.reason);
      }
      for (const Bytes name : kDropped) {
        if (key.reads(name) && value.given()) drop(name);
      }
      if (value.given() && !is_known(key)) note_unknown();
    }
    return {};
  }

  static bool is_known(Value key) {
    const auto reads = [&](Bytes name) { return key.reads(name); };
    return std::any_of(kFields.begin(), kFields.end(), reads) ||
           std::any_of(kDropped.begin(), kDropped.end(), reads) ||
           std::any_of(kConsumed.begin(), kConsumed.end(), reads) ||
           std::any_of(kRefused.begin(), kRefused.end(), [&](const Refused& row) {
             return key.reads(row.name);
           });
  }

  // A client's own words are never echoed into a header: unknown fields share one name.
  void note_unknown() {
    if (!saw_unknown_) drop("unknown");
    saw_unknown_ = true;
  }

  Status max_tokens() {
    const bool old_name = !fields_[kMaxCompletionTokens].given();
    const Value given = fields_[old_name ? kMaxTokens : kMaxCompletionTokens];
    max_tokens_ = rules_.output_max;
    if (given.given()) {
      const auto count = given.count();
      if (!count) {
        return fail(old_name ? "max_tokens" : "max_completion_tokens",
                    "A limit of tokens must be a whole number.");
      }
      max_tokens_ = std::min(*count, max_tokens_);
    } else if (!fields_[kStream].is_true()) {
      max_tokens_ = std::min(kPlainAnswerMax, max_tokens_);
    }
    out_.raw(R"(,"max_tokens":)");
    out_.number(max_tokens_);
    return {};
  }

  Status conversation() {
    const std::size_t place = out_.size();
    out_.raw(R"(,"system":[)");
    const std::size_t empty = out_.size();
    HEADRACE_TRY(write_system_blocks(fields_[kMessages], translation_, out_));
    instruction();
    if (out_.size() == empty) {
      out_.cut(place);
    } else {
      out_.raw(']');
    }
    out_.raw(R"(,"messages":[)");
    HEADRACE_TRY(write_anthropic_messages(fields_[kMessages], translation_, out_));
    out_.raw(']');
    return {};
  }

  // A form of answer that the model cannot be held to is asked for in words.
  void instruction() {
    const Value format = fields_[kFormat];
    const bool object = format.member("type").reads("json_object");
    const Value schema = schema_of(format);
    if (!object && (!schema.found() || rules_.output_format)) return;
    out_.comma();
    out_.raw(R"({"type":"text","text":")");
    out_.text(object ? kJsonInstruction : kSchemaInstruction);
    if (!object) out_.embed(schema.raw());
    out_.raw(R"("})");
  }

  static Value schema_of(Value format) {
    if (!format.member("type").reads("json_schema")) return {};
    return format.member("json_schema").member("schema");
  }

  Status stop() {
    const Value stop = fields_[kStop];
    if (!stop.given()) return {};
    if (!stop.is(Type::string) && !stop.is(Type::array)) {
      return fail("stop", "The field `stop` must be a string or a list of strings.");
    }
    const std::size_t place = out_.size();
    out_.raw(R"(,"stop_sequences":[)");
    const std::size_t empty = out_.size();
    if (stop.is(Type::string)) stop_word(stop);
    json::Elements walk(stop);
    Value word;
    while (walk.next(word)) stop_word(word);
    if (out_.size() == empty) {
      out_.cut(place);
    } else {
      out_.raw(']');
    }
    return {};
  }

  // Words of nothing but white space would be refused.
  void stop_word(Value word) {
    if (is_blank_body(word.body())) return;
    out_.comma();
    out_.raw(word.raw());
  }

  Status thinking() {
    const Value effort = fields_[kEffort];
    if (!effort.given()) return {};
    if (rules_.thinking == Thinking::none) {
      drop("reasoning_effort");
      return {};
    }
    if (effort.reads("none")) {
      if (rules_.thinking == Thinking::adaptive) {
        out_.raw(R"(,"thinking":{"type":"disabled"})");
      }
      return {};
    }
    const auto* const row = std::find_if(
        kEfforts.begin(), kEfforts.end(), [&](const Effort& e) { return effort.reads(e.name); });
    if (row == kEfforts.end()) {
      return fail("reasoning_effort", "This effort is not known.");
    }
    if (rules_.thinking == Thinking::budget) {
      budget(row->budget);
    } else {
      effort_ = row->adaptive == "xhigh" && !rules_.xhigh ? Bytes("max") : row->adaptive;
      out_.raw(R"(,"thinking":{"type":"adaptive"})");
      thinks_ = true;
    }
    return {};
  }

  void budget(std::uint64_t wanted) {
    const std::uint64_t budget = std::min(wanted, max_tokens_ == 0 ? 0 : max_tokens_ - 1);
    if (budget < kBudgetMin || forces_tool(tools_) ||
        continues_without_thought(fields_[kMessages])) {
      drop("reasoning_effort");
      return;
    }
    out_.raw(R"(,"thinking":{"type":"enabled","budget_tokens":)");
    out_.number(budget);
    out_.raw('}');
    thinks_ = true;
  }

  Status judge_tool_choice() {
    const bool any_tool = !json::Elements(tools_.tools).empty();
    if (!any_tool || !forces_tool(tools_) || rules_.forces_tools) return {};
    return fail("tool_choice", "This model cannot be made to use a tool.");
  }

  void sampling() {
    const bool allowed = rules_.samples && !thinks_;
    const Value temperature = fields_[kTemperature];
    const Value top_p = fields_[kTopP];
    const bool warm = temperature.is(Type::number);
    if (warm && allowed) {
      out_.raw(R"(,"temperature":)");
      out_.raw(above_one(temperature.raw()) ? Bytes("1") : temperature.raw());
    } else if (warm) {
      drop("temperature");
    }
    if (!top_p.is(Type::number)) return;
    if (!allowed || warm) return drop("top_p");
    out_.raw(R"(,"top_p":)");
    out_.raw(top_p.raw());
  }

  static bool above_one(Bytes number) {
    double value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    return value > 1;
  }

  void output_config() {
    const Value schema = rules_.output_format ? schema_of(fields_[kFormat]) : Value();
    if (effort_.empty() && !schema.found()) return;
    out_.raw(R"(,"output_config":{)");
    if (!effort_.empty()) out_.member("effort", effort_);
    if (schema.found()) {
      out_.key("format");
      out_.raw(R"({"type":"json_schema","schema":)");
      write_closed_schema(schema, out_);
      out_.raw('}');
    }
    out_.raw('}');
  }

  void user() {
    const Value id = fields_[kSafetyId].has_text() ? fields_[kSafetyId] : fields_[kUser];
    if (!id.has_text()) return;
    out_.raw(R"(,"metadata":{"user_id":)");
    out_.raw(id.raw());
    out_.raw('}');
  }

  void service_tier() {
    const Value tier = fields_[kServiceTier];
    if (!tier.given()) return;
    if (tier.reads("auto") || tier.reads("priority")) {
      out_.raw(R"(,"service_tier":"auto")");
    } else if (tier.reads("default")) {
      out_.raw(R"(,"service_tier":"standard_only")");
    } else {
      drop("service_tier");
    }
  }

  std::array<Value, kFieldCount> fields_;
  Value body_;
  ToolFields tools_;
  RequestTranslation& translation_;
  JsonBuilder& out_;
  const ClaudeRules& rules_;
  std::uint64_t max_tokens_ = 0;
  Bytes effort_;
  bool thinks_ = false;
  bool saw_unknown_ = false;
};

}  // namespace

Status openai_to_anthropic_request(Value body, RequestTranslation& translation, JsonBuilder& out) {
  out.reserve(body.raw().size() + body.raw().size() / 4);
  return RequestWriter(body, translation, out).write();
}

}  // namespace headrace::dialect
