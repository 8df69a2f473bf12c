#include "call.h"

#include <simdjson.h>

#include <array>

namespace headrace::mock {
namespace {

namespace dom = simdjson::dom;

constexpr std::uint64_t kInputsMax = 2048;
constexpr std::uint64_t kDimensionsMax = 4096;

bool read_bool(dom::object object, std::string_view key) {
  bool value = false;
  return object[key].get(value) == simdjson::SUCCESS && value;
}

std::uint64_t read_count(dom::object object, std::string_view key) {
  std::uint64_t value = 0;
  return object[key].get(value) == simdjson::SUCCESS ? value : 0;
}

std::string_view read_text(dom::object object, std::string_view key) {
  std::string_view value;
  return object[key].get(value) == simdjson::SUCCESS ? value : std::string_view();
}

bool read_list(dom::object object, std::string_view key, dom::array& list) {
  return object[key].get(list) == simdjson::SUCCESS && list.size() != 0;
}

bool is_result(dom::object item) {
  return read_text(item, "role") == "tool" || read_text(item, "type") == "function_call_output" ||
         read_text(item, "type") == "tool_result";
}

// Of the last message: is it, or does it hold, what a tool said?
bool ends_with_results(dom::array messages) {
  dom::object last;
  if (messages.at(messages.size() - 1).get(last) != simdjson::SUCCESS) return false;
  if (is_result(last)) return true;
  dom::array blocks;
  if (last["content"].get(blocks) != simdjson::SUCCESS) return false;
  for (const dom::element element : blocks) {
    dom::object block;
    if (element.get(block) == simdjson::SUCCESS && is_result(block)) return true;
  }
  return false;
}

bool read_chat(dom::object body, CallRequest& request, std::string_view& fault) {
  dom::array messages;
  fault = "`messages` must be a list that is not empty";
  if (!read_list(body, "messages", messages)) return false;
  request.max_tokens = read_count(body, "max_completion_tokens");
  if (request.max_tokens == 0) request.max_tokens = read_count(body, "max_tokens");
  request.has_tool_results = ends_with_results(messages);
  return true;
}

bool read_completions(dom::object body, CallRequest& request, std::string_view& fault) {
  dom::element prompt;
  fault = "`prompt` must be a string or a list";
  if (body["prompt"].get(prompt) != simdjson::SUCCESS) return false;
  request.max_tokens = read_count(body, "max_tokens");
  return prompt.is_string() || prompt.is_array();
}

std::uint64_t digest_of(std::string_view text) {
  std::uint64_t digest = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : text) {
    digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return digest;
}

// A string, a list of strings, a list of tokens (one input), a list of such lists.
bool read_inputs(dom::element input, CallRequest& request) {
  dom::array list;
  if (input.get(list) != simdjson::SUCCESS) {
    request.embedded.push_back(digest_of(std::string(simdjson::minify(input))));
    return input.is_string();
  }
  if (list.size() == 0 || list.size() > kInputsMax) return false;
  if (list.at(0).is_int64()) {
    request.embedded.push_back(digest_of(std::string(simdjson::minify(input))));
    return true;
  }
  for (const dom::element one : list) {
    if (!one.is_string() && !one.is_array()) return false;
    request.embedded.push_back(digest_of(std::string(simdjson::minify(one))));
  }
  return true;
}

bool read_embeddings(dom::object body, CallRequest& request, std::string_view& fault) {
  dom::element input;
  fault = "`input` must be a string or a list of at most 2048 strings or lists of tokens";
  if (body["input"].get(input) != simdjson::SUCCESS || !read_inputs(input, request)) return false;
  fault = "`dimensions` must be between 1 and 4096";
  dom::element dimensions;
  if (body["dimensions"].get(dimensions) == simdjson::SUCCESS) {
    request.dimensions = read_count(body, "dimensions");
    if (request.dimensions == 0 || request.dimensions > kDimensionsMax) return false;
  }
  fault = "`encoding_format` must be float or base64";
  const std::string_view format = read_text(body, "encoding_format");
  request.base64 = format == "base64";
  return format.empty() || format == "float" || format == "base64";
}

bool read_responses(dom::object body, CallRequest& request, std::string_view& fault) {
  dom::element input;
  fault = "`input` must be a string or a list that is not empty";
  if (body["input"].get(input) != simdjson::SUCCESS) return false;
  dom::array items;
  if (input.get(items) == simdjson::SUCCESS) {
    if (items.size() == 0) return false;
    request.has_tool_results = ends_with_results(items);
  } else if (!input.is_string()) {
    return false;
  }
  request.max_tokens = read_count(body, "max_output_tokens");
  return true;
}

bool read_messages(dom::object body, CallRequest& request, std::string_view& fault) {
  dom::array messages;
  fault = "messages: Field required";
  if (!read_list(body, "messages", messages)) return false;
  request.max_tokens = read_count(body, "max_tokens");
  fault = "max_tokens: Field required";
  if (request.call == Call::messages && request.max_tokens == 0) return false;
  request.has_tool_results = ends_with_results(messages);
  dom::object thinking;
  if (body["thinking"].get(thinking) == simdjson::SUCCESS) {
    const std::string_view type = read_text(thinking, "type");
    request.wants_thinking = type == "enabled" || type == "adaptive";
  }
  return true;
}

using Read = bool (*)(dom::object, CallRequest&, std::string_view&);

struct CallRow {
  Call call;
  std::string_view path;
  Read read;
};

// In the order of Call.
constexpr std::array<CallRow, kCalls> kRows = {{
    CallRow{Call::chat, "/v1/chat/completions", read_chat},
    CallRow{Call::completions, "/v1/completions", read_completions},
    CallRow{Call::embeddings, "/v1/embeddings", read_embeddings},
    CallRow{Call::responses, "/v1/responses", read_responses},
    CallRow{Call::messages, "/v1/messages", read_messages},
    CallRow{Call::count_tokens, "/v1/messages/count_tokens", read_messages},
}};

}  // namespace

std::optional<Call> find_call(std::string_view path) {
  for (const CallRow& row : kRows) {
    if (row.path == path) return row.call;
  }
  return std::nullopt;
}

std::optional<CallRequest> parse_call(Call call, std::string_view body, std::string_view& fault) {
  dom::parser parser;
  dom::object object;
  fault = "the body is not a JSON object";
  if (parser.parse(simdjson::padded_string(body)).get(object) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  CallRequest request;
  request.call = call;
  std::string_view model;
  fault = family_of(call) == Family::openai ? "`model` must be a string" : "model: Field required";
  if (object["model"].get(model) != simdjson::SUCCESS) return std::nullopt;
  request.model = model;
  const bool can_stream = call != Call::embeddings && call != Call::count_tokens;
  request.stream = can_stream && read_bool(object, "stream");
  dom::object stream_options;
  if (object["stream_options"].get(stream_options) == simdjson::SUCCESS) {
    request.include_usage = read_bool(stream_options, "include_usage");
  }
  request.prompt_tokens = body.size() / 4 + 1;  // the usual rule of thumb
  request.tools = read_tools(object);
  if (!kRows[static_cast<std::size_t>(call)].read(object, request, fault)) return std::nullopt;
  return request;
}

}  // namespace headrace::mock
