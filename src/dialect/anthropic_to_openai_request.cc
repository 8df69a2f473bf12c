// A messages request as a chat completions request.
#include <algorithm>
#include <array>

#include "dialect/anthropic_to_openai_messages.h"
#include "dialect/json_schema.h"
#include "dialect/model_rules.h"
#include "dialect/translate.h"

namespace headrace::dialect {
namespace {

using api::JsonBuilder;
using base::Status;
using json::Type;
using json::Value;

enum Field : std::size_t {
  kSystem,
  kMessages,
  kMaxTokens,
  kStream,
  kTemperature,
  kTopP,
  kStop,
  kTools,
  kToolChoice,
  kThinking,
  kOutputConfig,
  kMetadata,
  kServiceTier,
  kFieldCount
};
constexpr std::array<Bytes, kFieldCount> kFields = {"system",
                                                    "messages",
                                                    "max_tokens",
                                                    "stream",
                                                    "temperature",
                                                    "top_p",
                                                    "stop_sequences",
                                                    "tools",
                                                    "tool_choice",
                                                    "thinking",
                                                    "output_config",
                                                    "metadata",
                                                    "service_tier"};
// Hints, and what other providers do by themselves.
constexpr std::array<Bytes, 6> kDropped = {
    "cache_control", "context_management", "diagnostics", "inference_geo", "speed", "top_k"};
// State and tools that live with Anthropic. `thread`: the turns before this one are kept there.
constexpr std::array<Bytes, 3> kRefused = {"container", "mcp_servers", "thread"};
constexpr std::array<Bytes, 2> kConsumed = {"model", "headrace"};

constexpr std::size_t kStopWordsMax = 4;
constexpr std::uint64_t kLowBudget = 2048;
constexpr std::uint64_t kMediumBudget = 8192;

class RequestWriter {
 public:
  RequestWriter(Value body, RequestTranslation& translation, JsonBuilder& out)
      : fields_(json::pick<kFields>(body)),
        body_(body),
        translation_(translation),
        out_(out),
        rules_(gpt_rules(translation.model)) {}

  Status write() {
    HEADRACE_TRY(judge_unknown());
    if (!fields_[kMessages].is(Type::array)) {
      return refuse(translation_, "messages", "The field `messages` must be a list.");
    }
    out_.raw(R"({"model":")");
    out_.text(translation_.model);
    out_.raw(R"(","messages":[)");
    HEADRACE_TRY(write_openai_messages(fields_[kSystem], fields_[kMessages], translation_, out_));
    out_.raw(']');
    HEADRACE_TRY(max_tokens());
    copy(kTemperature, Type::number);
    copy(kTopP, Type::number);
    stop();
    if (fields_[kStream].is_true()) {
      out_.raw(R"(,"stream":true,"stream_options":{"include_usage":true})");
    }
    HEADRACE_TRY(tools());
    tool_choice();
    effort();
    format();
    const Value user = fields_[kMetadata].member("user_id");
    if (user.has_text()) out_.member("safety_identifier", user.body());
    if (fields_[kServiceTier].reads("standard_only")) out_.member("service_tier", "default");
    out_.raw('}');
    return {};
  }

 private:
  void drop(Bytes name) { translation_.dropped.add(name); }

  Status judge_unknown() {
    json::Members walk(body_);
    Value key;
    Value value;
    bool unknown = false;
    while (walk.next(key, value)) {
      if (!value.given()) continue;
      const auto reads = [&](Bytes name) { return key.reads(name); };
      const auto among = [&](const auto& names) {
        return std::find_if(names.begin(), names.end(), reads);
      };
      if (const auto* row = among(kRefused); row != kRefused.end()) {
        if (!json::Elements(value).empty() || value.is(Type::string) || value.is(Type::object)) {
          return refuse(translation_, *row, "It lives with another provider.");
        }
      }
      if (const auto* row = among(kDropped); row != kDropped.end()) {
        drop(*row);
      } else if (among(kFields) == kFields.end() && among(kConsumed) == kConsumed.end() &&
                 among(kRefused) == kRefused.end()) {
        unknown = true;
      }
    }
    if (unknown) drop("unknown");
    return {};
  }

  Status max_tokens() {
    const Value given = fields_[kMaxTokens];
    if (!given.given()) return {};
    if (!given.count()) {
      return refuse(translation_, "max_tokens", "A limit of tokens must be a whole number.");
    }
    out_.key(rules_.max_completion_tokens ? "max_completion_tokens" : "max_tokens");
    out_.raw(given.raw());
    return {};
  }

  void copy(Field field, Type type) {
    if (!fields_[field].is(type)) return;
    out_.key(kFields[field]);
    out_.raw(fields_[field].raw());
  }

  void stop() {
    json::Elements walk(fields_[kStop]);
    if (walk.empty()) return;
    out_.raw(R"(,"stop":[)");
    Value word;
    for (std::size_t i = 0; walk.next(word); ++i) {
      if (i == kStopWordsMax) {
        drop("stop_sequences");
        break;
      }
      out_.comma();
      out_.raw(word.raw());
    }
    out_.raw(']');
  }

  Status tools() {
    json::Elements walk(fields_[kTools]);
    if (walk.empty()) return {};
    out_.raw(R"(,"tools":[)");
    Value value;
    while (walk.next(value)) HEADRACE_TRY(tool(value));
    out_.raw(']');
    return {};
  }

  Status tool(Value value) {
    static constexpr std::array<Bytes, 5> kKeys = {
        "type", "name", "description", "input_schema", "strict"};
    const auto [type, name, description, schema, strict] = json::pick<kKeys>(value);
    const bool custom = !type.given() || type.reads("custom");
    if (!custom || !name.has_text()) {
      return refuse(translation_, "tools", "Tools that run at the provider are not translated.");
    }
    out_.comma();
    out_.raw(R"({"type":"function","function":{)");
    out_.member("name", name.body());
    if (description.is(Type::string)) out_.member("description", description.body());
    if (schema.is(Type::object)) {
      out_.key("parameters");
      out_.raw(schema.raw());
    }
    if (strict.is(Type::boolean)) {
      out_.key("strict");
      out_.raw(strict.raw());
    }
    out_.raw("}}");
    return {};
  }

  void tool_choice() {
    const Value choice = fields_[kToolChoice];
    if (!choice.given() || json::Elements(fields_[kTools]).empty()) return;
    static constexpr std::array<Bytes, 3> kKeys = {"type", "name", "disable_parallel_tool_use"};
    const auto [type, name, one_at_a_time] = json::pick<kKeys>(choice);
    if (type.reads("tool") && name.has_text()) {
      out_.raw(R"(,"tool_choice":{"type":"function","function":{)");
      out_.member("name", name.body());
      out_.raw("}}");
    } else {
      out_.member("tool_choice",
                  type.reads("any")    ? "required"
                  : type.reads("none") ? "none"
                                       : "auto");
    }
    if (one_at_a_time.is_true()) out_.raw(R"(,"parallel_tool_calls":false)");
  }

  void effort() {
    const Value effort = fields_[kOutputConfig].member("effort");
    const Value thinking = fields_[kThinking];
    if (!effort.has_text() && !thinking.given()) return;
    if (!rules_.reasons) return drop(effort.has_text() ? "output_config" : "thinking");
    const Value type = thinking.member("type");
    if (type.reads("disabled")) {
      out_.member("reasoning_effort", "none");
    } else if (effort.has_text()) {
      out_.member("reasoning_effort", effort.body());
    } else if (type.reads("enabled")) {
      const std::uint64_t budget = thinking.member("budget_tokens").count().value_or(UINT64_MAX);
      out_.member("reasoning_effort",
                  budget <= kLowBudget      ? "low"
                  : budget <= kMediumBudget ? "medium"
                                            : "high");
    }
  }

  void format() {
    const Value format = fields_[kOutputConfig].member("format");
    const Value schema = format.member("schema");
    if (!format.member("type").reads("json_schema") || !schema.is(Type::object)) return;
    out_.raw(
        R"(,"response_format":{"type":"json_schema","json_schema":{"name":"output","schema":)");
    out_.raw(schema.raw());
    if (is_strict_schema(schema)) out_.raw(R"(,"strict":true)");
    out_.raw("}}");
  }

  std::array<Value, kFieldCount> fields_;
  Value body_;
  RequestTranslation& translation_;
  JsonBuilder& out_;
  GptRules rules_;
};

}  // namespace

Status anthropic_to_openai_request(Value body, RequestTranslation& translation, JsonBuilder& out) {
  out.reserve(body.raw().size() + body.raw().size() / 4);
  return RequestWriter(body, translation, out).write();
}

}  // namespace headrace::dialect
