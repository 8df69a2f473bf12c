#include "chat.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>

namespace headrace::mock {
namespace {

namespace dom = simdjson::dom;

bool read_bool(dom::object object, std::string_view key) {
  bool value = false;
  return object[key].get(value) == simdjson::SUCCESS && value;
}

std::uint64_t read_count(dom::object object, std::string_view key) {
  std::uint64_t value = 0;
  return object[key].get(value) == simdjson::SUCCESS ? value : 0;
}

constexpr std::array<std::string_view, 32> kVocabulary = {
    " water", " wheel",  " the",   " a",      " runs",   " straight", " down",  " to",
    " mill",  " and",    " turns", " slow",   " fast",   " stone",    ",",      ".",
    " of",    " stream", " in",    " spring", " gate",   " opens",    " when",  " miller",
    " hears", " Mühle",  " 水",    " line\n", " \"so\"", " over",     " under", " again"};

}  // namespace

std::optional<ChatRequest> parse_chat_request(std::string_view body, std::string_view& fault) {
  dom::parser parser;
  dom::object object;
  fault = "the body is not a JSON object";
  if (parser.parse(simdjson::padded_string(body)).get(object) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  ChatRequest request;
  std::string_view model;
  fault = "`model` must be a string";
  if (object["model"].get(model) != simdjson::SUCCESS) return std::nullopt;
  dom::array messages;
  fault = "`messages` must be a list that is not empty";
  if (object["messages"].get(messages) != simdjson::SUCCESS || messages.size() == 0) {
    return std::nullopt;
  }
  request.model = model;
  request.stream = read_bool(object, "stream");
  dom::object stream_options;
  if (object["stream_options"].get(stream_options) == simdjson::SUCCESS) {
    request.include_usage = read_bool(stream_options, "include_usage");
  }
  request.max_tokens = read_count(object, "max_completion_tokens");
  if (request.max_tokens == 0) request.max_tokens = read_count(object, "max_tokens");
  request.prompt_tokens = body.size() / 4 + 1;  // the usual rule of thumb
  return request;
}

std::string json_escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 8);
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      result += c;
    }
  }
  return result;
}

std::string error_body(std::string_view message, std::string_view type, std::string_view code) {
  return fmt::format(R"({{"error":{{"message":"{}","type":"{}","param":null,"code":"{}"}}}})",
                     json_escaped(message),
                     type,
                     code);
}

ChatTexts::ChatTexts(const ChatRequest& request, std::uint64_t id, std::uint64_t created)
    : request_(request), id_(fmt::format("chatcmpl-mock{:012x}", id)), created_(created) {
  request_.model = json_escaped(request.model);
  start_ = fmt::format(R"({{"id":"{}","object":"chat.completion.chunk","created":{},"model":"{}",)"
                       R"("service_tier":"default","system_fingerprint":"fp_mock","choices":)",
                       id_,
                       created_,
                       request_.model);
}

std::string ChatTexts::word(base::Prng& random) {
  return std::string(kVocabulary[random.below(kVocabulary.size())]);
}

std::string ChatTexts::role_event() const {
  return chunk(R"([{"index":0,"delta":{"role":"assistant","content":"","refusal":null},)"
               R"("logprobs":null,"finish_reason":null}])",
               "null");
}

std::string ChatTexts::content_event(std::string_view content) const {
  return chunk(fmt::format(R"([{{"index":0,"delta":{{"content":"{}"}},"logprobs":null,)"
                           R"("finish_reason":null}}])",
                           json_escaped(content)),
               "null");
}

std::string ChatTexts::finish_event(bool cut) const {
  return chunk(fmt::format(R"([{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"{}"}}])",
                           cut ? "length" : "stop"),
               "null");
}

std::string ChatTexts::usage_event(std::uint64_t tokens) const {
  return chunk("[]", usage(tokens));
}

std::string ChatTexts::plain_body(std::string_view content, std::uint64_t tokens, bool cut) const {
  return fmt::format(
      R"({{"id":"{}","object":"chat.completion","created":{},"model":"{}","choices":[{{"index":0,)"
      R"("message":{{"role":"assistant","content":"{}","refusal":null,"annotations":[]}},)"
      R"("logprobs":null,"finish_reason":"{}"}}],"usage":{},"service_tier":"default",)"
      R"("system_fingerprint":"fp_mock"}})",
      id_,
      created_,
      request_.model,
      json_escaped(content),
      cut ? "length" : "stop",
      usage(tokens));
}

// The usage field is there in every chunk, as null, exactly when usage was asked for.
std::string ChatTexts::chunk(std::string_view choices, std::string_view usage) const {
  return fmt::format("data: {}{}{}{}}}\n\n",
                     start_,
                     choices,
                     request_.include_usage ? ",\"usage\":" : "",
                     request_.include_usage ? usage : "");
}

std::string ChatTexts::usage(std::uint64_t tokens) const {
  return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                     R"("prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},)"
                     R"("completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,)"
                     R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}})",
                     request_.prompt_tokens,
                     tokens,
                     request_.prompt_tokens + tokens);
}

}  // namespace headrace::mock
