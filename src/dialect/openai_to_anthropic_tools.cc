#include "dialect/openai_to_anthropic_tools.h"

#include <array>

namespace headrace::dialect {
namespace {

using api::JsonBuilder;
using base::Status;
using json::Type;
using json::Value;

constexpr std::size_t kAllowedToolsMax = 128;  // OpenAI's bound of tools

bool is_allowed(Value name, Value allowed) {
  json::Elements walk(allowed);
  Value value;
  for (std::size_t i = 0; i < kAllowedToolsMax && walk.next(value); ++i) {
    if (value.member("function").member("name").body() == name.body()) return true;
  }
  return false;
}

void write_schema(Value parameters, JsonBuilder& out) {
  out.raw(R"(,"input_schema":)");
  const bool given = parameters.is(Type::object) && parameters.inner_nodes() != 0;
  out.raw(given ? parameters.raw() : Bytes(R"({"type":"object","properties":{}})"));
}

Status write_tool(Value value, Value allowed, RequestTranslation& translation, JsonBuilder& out) {
  static constexpr std::array<Bytes, 3> kKeys = {"type", "function", "cache_control"};
  static constexpr std::array<Bytes, 5> kFunction = {
      "name", "description", "parameters", "strict", "cache_control"};
  const auto [type, function, mark] = json::pick<kKeys>(value);
  const auto [name, description, parameters, strict, inner_mark] = json::pick<kFunction>(function);
  if (!type.reads("function") || !name.has_text()) {
    return refuse(
        translation, "tools", "Only tools of type function are translated for this provider.");
  }
  if (allowed.is(Type::array) && !is_allowed(name, allowed)) return {};
  out.comma();
  out.raw('{');
  out.member("name", name.body());
  if (description.is(Type::string)) out.member("description", description.body());
  write_schema(parameters, out);
  if (strict.is(Type::boolean)) {
    out.key("strict");
    out.raw(strict.raw());
  }
  if (const Value cache = mark.is(Type::object) ? mark : inner_mark; cache.is(Type::object)) {
    out.key("cache_control");
    out.raw(cache.raw());
  }
  out.raw('}');
  return {};
}

}  // namespace

bool forces_tool(const ToolFields& fields) {
  return fields.choice.reads("required") || fields.choice.member("type").reads("function") ||
         fields.choice.member("allowed_tools").member("mode").reads("required");
}

Status write_anthropic_tools(const ToolFields& fields,
                             RequestTranslation& translation,
                             JsonBuilder& out) {
  json::Elements walk(fields.tools);
  if (walk.empty()) return {};
  const Value allowed = fields.choice.member("allowed_tools").member("tools");
  out.raw(R"(,"tools":[)");
  Value value;
  while (walk.next(value)) HEADRACE_TRY(write_tool(value, allowed, translation, out));
  out.raw(']');
  return {};
}

void write_anthropic_tool_choice(const ToolFields& fields, JsonBuilder& out) {
  const Value choice = fields.choice;
  const bool one_at_a_time = fields.parallel.raw() == "false";
  if (json::Elements(fields.tools).empty() || (!choice.given() && !one_at_a_time)) return;
  const Value mode =
      choice.is(Type::string) ? choice : choice.member("allowed_tools").member("mode");
  const Value name = choice.member("function").member("name");
  const bool none = mode.reads("none");
  out.raw(R"(,"tool_choice":{"type":")");
  if (name.has_text()) {
    out.raw(R"(tool","name":")");
    out.raw(name.body());
  } else {
    out.raw(none ? "none" : mode.reads("required") ? "any" : "auto");
  }
  out.raw('"');
  if (one_at_a_time && !none) out.raw(R"(,"disable_parallel_tool_use":true)");
  out.raw('}');
}

}  // namespace headrace::dialect
