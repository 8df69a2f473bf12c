#include "tool_offer.h"

#include <algorithm>
#include <string_view>

#include "json_text.h"

namespace headrace::mock {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kOffersMax = 128;
constexpr std::size_t kPropertiesMax = 16;
constexpr int kDepthMax = 4;

std::string_view text_of(dom::object object, std::string_view key) {
  std::string_view value;
  return object[key].get(value) == simdjson::SUCCESS ? value : std::string_view();
}

std::string sample_of(dom::element schema, int depth);

std::string sample_object(dom::object schema, int depth) {
  std::string result = "{";
  dom::object properties;
  std::size_t count = 0;
  if (depth < kDepthMax && schema["properties"].get(properties) == simdjson::SUCCESS) {
    for (const auto property : properties) {
      if (count == kPropertiesMax) break;
      if (count++ != 0) result += ',';
      result += '"';
      append_escaped(result, property.key);
      result += "\":";
      result += sample_of(property.value, depth + 1);
    }
  }
  return result + "}";
}

// The first of several types, where there are several.
std::string_view type_of(dom::object schema) {
  dom::array several;
  std::string_view first;
  if (schema["type"].get(several) == simdjson::SUCCESS &&
      several.at(0).get(first) == simdjson::SUCCESS) {
    return first;
  }
  return text_of(schema, "type");
}

std::string sample_of(dom::element schema, int depth) {
  dom::object object;
  if (schema.get(object) != simdjson::SUCCESS) return "null";
  dom::element given;
  if (object["const"].get(given) == simdjson::SUCCESS) return simdjson::minify(given);
  dom::array choices;
  if (object["enum"].get(choices) == simdjson::SUCCESS &&
      choices.at(0).get(given) == simdjson::SUCCESS) {
    return simdjson::minify(given);
  }
  if (depth < kDepthMax && object["anyOf"].get(choices) == simdjson::SUCCESS &&
      choices.at(0).get(given) == simdjson::SUCCESS) {
    return sample_of(given, depth + 1);
  }
  const std::string_view type = type_of(object);
  if (type == "integer") return "7";
  if (type == "number") return "1.5";
  if (type == "boolean") return "true";
  if (type == "null") return "null";
  if (type == "object") return sample_object(object, depth);
  if (type != "array") return R"("water \"and\" stone")";
  dom::element items;
  const bool has_items = depth < kDepthMax && object["items"].get(items) == simdjson::SUCCESS;
  return has_items ? "[" + sample_of(items, depth + 1) + "]" : "[]";
}

// OpenAI's chat nests what a function is; OpenAI's responses and Anthropic do not.
void read_offer(dom::object tool, ToolOffers& result) {
  const std::string_view type = text_of(tool, "type");
  if (!type.empty() && type != "function" && type != "custom") return;  // run by the provider
  dom::object nested;
  if (tool["function"].get(nested) != simdjson::SUCCESS) nested = tool;
  const std::string_view name = text_of(nested, "name");
  if (name.empty() || result.offers.size() == kOffersMax) return;
  dom::object schema;
  const bool has_schema = nested["parameters"].get(schema) == simdjson::SUCCESS ||
                          nested["input_schema"].get(schema) == simdjson::SUCCESS;
  result.offers.push_back({std::string(name), has_schema ? sample_object(schema, 0) : "{}"});
}

void read_choice(dom::object request, ToolOffers& result) {
  std::string_view word = text_of(request, "tool_choice");
  dom::object choice;
  std::string_view name;
  if (request["tool_choice"].get(choice) == simdjson::SUCCESS) {
    word = text_of(choice, "type");
    dom::object nested;
    name = text_of(choice, "name");
    if (choice["function"].get(nested) == simdjson::SUCCESS) name = text_of(nested, "name");
    bool alone = false;
    result.one_only = choice["disable_parallel_tool_use"].get(alone) == simdjson::SUCCESS && alone;
  }
  if (word == "none") result.offers.clear();
  result.must_call = word == "required" || word == "any" || word == "tool" || word == "function";
  if (!name.empty()) {
    std::erase_if(result.offers, [&](const ToolOffer& offer) { return offer.name != name; });
  }
}

}  // namespace

ToolOffers read_tools(dom::object request) {
  ToolOffers result;
  dom::array tools;
  if (request["tools"].get(tools) != simdjson::SUCCESS) return result;
  for (const dom::element element : tools) {
    dom::object tool;
    if (element.get(tool) == simdjson::SUCCESS) read_offer(tool, result);
  }
  read_choice(request, result);
  bool parallel = true;
  if (request["parallel_tool_calls"].get(parallel) == simdjson::SUCCESS && !parallel) {
    result.one_only = true;
  }
  return result;
}

}  // namespace headrace::mock
