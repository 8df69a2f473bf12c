#include "error.h"

#include <fmt/format.h>

#include <array>

#include "http/h1_writer.h"
#include "json_text.h"

namespace headrace::mock {
namespace {

struct Row {
  std::uint16_t status;
  std::string_view code;
  std::string_view openai_type;
  std::string_view openai_message;
  std::string_view anthropic_type;
  std::string_view anthropic_message;
};

// The first row of a status is what it means without a code.
constexpr std::array kRows = {
    Row{400,
        "invalid_value",
        "invalid_request_error",
        "Invalid value for a parameter.",
        "invalid_request_error",
        "messages: Input should be a valid list"},
    Row{400,
        "context_length_exceeded",
        "invalid_request_error",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "131072 tokens. Please reduce the length of the messages.",
        "invalid_request_error",
        "prompt is too long: 204801 tokens > 200000 maximum"},
    Row{400,
        "content_filter",
        "invalid_request_error",
        "The prompt was blocked by a content filter.",
        "invalid_request_error",
        "Output blocked by content filtering policy"},
    Row{401,
        "invalid_api_key",
        "invalid_request_error",
        "Incorrect API key provided.",
        "authentication_error",
        "invalid x-api-key"},
    Row{402,
        "insufficient_quota",
        "insufficient_quota",
        "The account has no credit left.",
        "billing_error",
        "Your credit balance is too low to access the API."},
    Row{403,
        "insufficient_permissions",
        "invalid_request_error",
        "You have insufficient permissions for this operation.",
        "permission_error",
        "Your API key does not have permission to use the specified resource."},
    Row{404,
        "model_not_found",
        "invalid_request_error",
        "The model does not exist or you do not have access to it.",
        "not_found_error",
        "model: no such model"},
    Row{408,
        "timeout",
        "server_error",
        "The request timed out.",
        "timeout_error",
        "Request timed out"},
    Row{409,
        "conflict",
        "server_error",
        "The request conflicts with another one.",
        "invalid_request_error",
        "Conflict with another request"},
    Row{413,
        "request_too_large",
        "invalid_request_error",
        "The request is too large.",
        "request_too_large",
        "Request exceeds the maximum size"},
    Row{422,
        "",
        "invalid_request_error",
        "The request is well-formed but cannot be processed.",
        "invalid_request_error",
        "The request cannot be processed"},
    Row{429,
        "rate_limit_exceeded",
        "requests",
        "Rate limit reached for requests. Please try again later.",
        "rate_limit_error",
        "This request would exceed your account's rate limit. Please try again later."},
    Row{429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        "billing_error",
        "Your credit balance is too low to access the API."},
    Row{500,
        "",
        "server_error",
        "The server had an error while processing your request.",
        "api_error",
        "Internal server error"},
    Row{503,
        "",
        "server_error",
        "The engine is currently overloaded, please try again later.",
        "api_error",
        "Service unavailable"},
    Row{504, "timeout", "server_error", "The request timed out.", "timeout_error", "Timed out"},
    Row{529,
        "overloaded",
        "server_error",
        "The server is overloaded.",
        "overloaded_error",
        "Overloaded"},
};

constexpr Row kOtherRefusal = {0,
                               "",
                               "invalid_request_error",
                               "The request was refused.",
                               "invalid_request_error",
                               "The request was refused"};
constexpr Row kOtherFailure = {
    0, "", "server_error", "The server had an error.", "api_error", "Internal server error"};

const Row& find_row(std::uint16_t status, std::string_view code) {
  const Row* by_code = nullptr;
  const Row* by_status = nullptr;
  for (const Row& row : kRows) {
    const bool same_code = !code.empty() && row.code == code;
    if (same_code && row.status == status) return row;
    if (same_code && by_code == nullptr) by_code = &row;
    if (row.status == status && by_status == nullptr) by_status = &row;
  }
  if (by_code != nullptr) return *by_code;
  if (by_status != nullptr) return *by_status;
  return status < 500 ? kOtherRefusal : kOtherFailure;
}

}  // namespace

ErrorWords error_words(Family family, std::uint16_t status, std::string_view code) {
  const Row& row = find_row(status, code);
  if (family == Family::anthropic) return {row.anthropic_type, {}, row.anthropic_message};
  return {row.openai_type, row.code, row.openai_message};
}

ErrorWords sudden_error_words(Family family, std::uint16_t status, std::string_view code) {
  if (status != 0 || !code.empty()) return error_words(family, status, code);
  if (family == Family::anthropic) return error_words(family, 529);
  return {"server_error", "server_error", "The server had an error"};
}

std::string_view known_error_code(std::string_view code) {
  for (const Row& row : kRows) {
    if (!row.code.empty() && row.code == code) return row.code;
  }
  return {};
}

std::string_view error_type(Family family, std::uint16_t status) {
  if (family == Family::anthropic) return error_words(family, status).type;
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

std::string error_body(Family family, const ErrorWords& words, std::string_view request_id) {
  if (family == Family::openai) return error_body(words.message, words.type, words.code);
  return fmt::format(
      R"({{"type":"error","error":{{"type":"{}","message":"{}","details":null}},"request_id":"{}"}})",
      words.type,
      json_escaped(words.message),
      request_id);
}

std::string error_body(std::string_view message, std::string_view type, std::string_view code) {
  return fmt::format(R"({{"error":{{"message":"{}","type":"{}","param":null,"code":{}}}}})",
                     json_escaped(message),
                     type,
                     code.empty() ? "null" : fmt::format("\"{}\"", code));
}

std::string html_page(std::uint16_t status) {
  return fmt::format(
      "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} {1}</h1></center>"
      "\r\n<hr><center>mock</center>\r\n</body>\r\n</html>\r\n",
      status,
      http::reason_phrase(status));
}

}  // namespace headrace::mock
