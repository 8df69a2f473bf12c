// Goal: every error has one status and one well-formed body per family, within its room, and
// nothing of the request leaks into it but a cut model name. Method: all codes in a loop with the
// scanner as judge, and expected texts for the ones clients depend on.
#include "api/error_body.h"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>

#include "json/scan.h"

namespace headrace::api {
namespace {

using base::Errc;

base::Error error_of(Errc code) {
  return {code, base::Blame::gateway, base::Retry::never, 0};
}

std::string body_of(Errc code, const ErrorDetail& detail = {}, Family family = Family::openai) {
  std::array<char, kErrorBodyBytes> out;
  return std::string(write_error_body(family, error_of(code), detail, out));
}

std::string event_of(Errc code, Family family = Family::openai, const ErrorDetail& detail = {}) {
  std::array<char, kErrorBodyBytes> out;
  return std::string(write_error_event(family, error_of(code), detail, out));
}

std::string response_event_of(Errc code,
                              const ErrorDetail& detail = {},
                              const SeenResponse& seen = {}) {
  std::array<char, kErrorBodyBytes> out;
  return std::string(write_error_event(StreamForm::responses, error_of(code), detail, out, seen));
}

ErrorDetail of_upstream(std::uint16_t status) {
  ErrorDetail detail;
  detail.upstream_status = status;
  return detail;
}

const std::map<Errc, int> kStatuses = {
    {Errc::bad_request, 400},         {Errc::bad_json, 400},
    {Errc::bad_field, 400},           {Errc::head_too_large, 431},
    {Errc::uri_too_long, 414},        {Errc::body_too_large, 413},
    {Errc::unsupported_coding, 501},  {Errc::unsupported_media, 415},
    {Errc::misdirected, 421},         {Errc::method_not_allowed, 405},
    {Errc::upgrade_refused, 426},     {Errc::no_such_path, 404},
    {Errc::no_such_model, 404},       {Errc::request_timeout, 408},
    {Errc::client_closed, 499},       {Errc::client_stalled, 499},
    {Errc::connect_failed, 502},      {Errc::connect_timeout, 504},
    {Errc::resolve_failed, 502},      {Errc::upstream_closed, 502},
    {Errc::upstream_reset, 502},      {Errc::upstream_protocol, 502},
    {Errc::upstream_redirect, 502},   {Errc::upstream_status, 502},
    {Errc::upstream_truncated, 502},  {Errc::first_token_timeout, 504},
    {Errc::idle_timeout, 504},        {Errc::total_timeout, 504},
    {Errc::overloaded, 503},          {Errc::draining, 503},
    {Errc::out_of_files, 503},        {Errc::io_failed, 500},
    {Errc::config_invalid, 500},      {Errc::internal, 500},
    {Errc::invalid_key, 401},         {Errc::model_not_allowed, 403},
    {Errc::requests_limited, 429},    {Errc::tokens_limited, 429},
    {Errc::concurrency_limited, 429}, {Errc::unsupported_endpoint, 404},
    {Errc::tls_failed, 502},          {Errc::tls_untrusted, 502},
    {Errc::tls_truncated, 502},       {Errc::proxy_failed, 502},
};

TEST_CASE("every error has the status that its clients expect") {
  CHECK(kStatuses.size() == static_cast<std::size_t>(base::kLastErrc));
  for (const auto& [code, status] : kStatuses) {
    CAPTURE(base::name_of(code));
    CHECK(http_status_of(error_of(code)) == status);
  }
}

TEST_CASE(
    "every body and every event is valid JSON and fits its room, even with the worst of details") {
  const std::string nasty(100000, '\x01');
  ErrorDetail detail;
  detail.model = nasty;
  detail.offset = 4294967294u;
  detail.upstream_status = 529;
  detail.param = "stream_options.include_usage";
  detail.reason = "The field `stream_options.include_usage` must be a boolean.";
  for (const auto& [code, status] : kStatuses) {
    for (const Family family : {Family::openai, Family::anthropic}) {
      CAPTURE(base::name_of(code));
      CHECK(json::validate(body_of(code, detail, family)).ok());
      const std::string event = event_of(code, family, detail);
      const std::string prefix = family == Family::openai ? "data: " : "event: error\ndata: ";
      CHECK(event.substr(0, prefix.size()) == prefix);
      CHECK(event.substr(event.size() - 2) == "\n\n");
      const std::string data = event.substr(prefix.size(), event.size() - prefix.size() - 2);
      CHECK(data.find('\n') == std::string::npos);
      CHECK(json::validate(data).ok());
    }
  }
}

TEST_CASE("an OpenAI body has its four members, and null where there is nothing to say") {
  CHECK(
      body_of(Errc::bad_request) ==
      R"({"error":{"message":"The request is not valid HTTP/1.1.","type":"invalid_request_error","param":null,"code":"bad_request"}})");
  CHECK(
      body_of(Errc::overloaded) ==
      R"({"error":{"message":"The gateway is at one of its limits; try again soon.","type":"server_error","param":null,"code":"overloaded"}})");
}

TEST_CASE("a JSON fault is told with its byte and its reason, a field with its name") {
  ErrorDetail detail;
  detail.offset = 17;
  detail.reason = "It is not valid UTF-8.";
  CHECK(
      body_of(Errc::bad_json, detail) ==
      R"({"error":{"message":"The request body is not a valid JSON object. It is not valid UTF-8. The fault is at byte 17.","type":"invalid_request_error","param":null,"code":"bad_json"}})");
  ErrorDetail field;
  field.param = "stream";
  CHECK(body_of(Errc::bad_field, field).find(R"("param":"stream","code":"bad_field")") !=
        std::string::npos);
}

TEST_CASE("an unknown model is named, escaped and cut between characters") {
  ErrorDetail detail;
  detail.model = Bytes("a\0\r\n../\"", 8);
  CHECK(
      body_of(Errc::no_such_model, detail) ==
      R"({"error":{"message":"The model 'a\u0000\r\n../\"' does not exist or no route serves it.","type":"invalid_request_error","param":"model","code":"model_not_found"}})");
  std::string model = "x";
  for (int i = 0; i < 100; ++i) model += "\xC3\xA9";
  detail.model = model;
  const std::string body = body_of(Errc::no_such_model, detail);
  CHECK(body.find("\xC3\xA9...'") != std::string::npos);
  CHECK(body.find("\xEF\xBF\xBD") == std::string::npos);
  CHECK(body.find(model.substr(0, 127)) != std::string::npos);
  CHECK(body.find(model.substr(0, 129)) == std::string::npos);
}

TEST_CASE("Anthropic's clients get Anthropic's words and numbers") {
  CHECK(
      body_of(Errc::no_such_path, {}, Family::anthropic) ==
      R"({"type":"error","error":{"type":"not_found_error","message":"Nothing is served under this path."}})");
  CHECK(http_status_of(error_of(Errc::overloaded), {}, Family::anthropic) == 529);
  CHECK(http_status_of(error_of(Errc::upstream_closed), {}, Family::anthropic) == 500);
  CHECK(http_status_of(error_of(Errc::total_timeout), {}, Family::anthropic) == 504);
  CHECK(body_of(Errc::overloaded, {}, Family::anthropic).find("overloaded_error") !=
        std::string::npos);
  CHECK(body_of(Errc::total_timeout, {}, Family::anthropic).find("timeout_error") !=
        std::string::npos);
  CHECK(body_of(Errc::body_too_large, {}, Family::anthropic).find("request_too_large") !=
        std::string::npos);
  CHECK(body_of(Errc::bad_json, {}, Family::anthropic).find("invalid_request_error") !=
        std::string::npos);
  CHECK(body_of(Errc::internal, {}, Family::anthropic).find("api_error") != std::string::npos);
}

TEST_CASE("a broken stream ends in one event with one code for every way to lose the provider") {
  CHECK(event_of(Errc::upstream_closed) ==
        "data: {\"error\":{\"message\":\"The provider closed the connection before its answer was "
        "complete.\","
        "\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_disconnected\",\"status\":"
        "502}}\n\n");
  for (const Errc code : {Errc::upstream_reset,
                          Errc::upstream_protocol,
                          Errc::upstream_truncated,
                          Errc::idle_timeout}) {
    CAPTURE(base::name_of(code));
    CHECK(event_of(code).find("\"code\":\"upstream_disconnected\"") != std::string::npos);
  }
  CHECK(event_of(Errc::draining).find("\"code\":\"draining\",\"status\":503") != std::string::npos);
  CHECK(event_of(Errc::upstream_closed, Family::anthropic) ==
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
        "\"The provider closed the connection before its answer was complete.\"}}\n\n");
}

TEST_CASE("a stream's form says which family's event ends it") {
  std::array<char, kErrorBodyBytes> out;
  const base::Error error = error_of(Errc::idle_timeout);
  CHECK(write_error_event(StreamForm::chat, error, {}, out) ==
        event_of(Errc::idle_timeout, Family::openai));
  CHECK(write_error_event(StreamForm::messages, error, {}, out) ==
        event_of(Errc::idle_timeout, Family::anthropic));
}

TEST_CASE(
    "a broken stream of responses ends in a response that failed, with all that clients read") {
  SeenResponse seen;
  seen.id = "resp_1";
  seen.next_sequence = 17;
  CHECK(
      response_event_of(Errc::upstream_closed, {}, seen) ==
      "event: response.failed\ndata: "
      R"({"type":"response.failed","sequence_number":17,"response":{"id":"resp_1","object":"response","created_at":0,"status":"failed",)"
      R"("error":{"code":"server_error","message":"The provider closed the connection before its answer was complete."},)"
      R"("incomplete_details":null,"instructions":null,"metadata":null,"model":"","output":[],"parallel_tool_calls":true,)"
      R"("temperature":null,"tool_choice":"auto","tools":[],"top_p":null,"usage":null}})"
      "\n\n");
  CHECK(response_event_of(Errc::upstream_status, of_upstream(429))
            .find(R"("error":{"code":"rate_limit_exceeded","message":")") != std::string::npos);
  CHECK(response_event_of(Errc::internal).find(R"("sequence_number":0,"response":{"id":"",)") !=
        std::string::npos);
}

TEST_CASE("the last event of responses is JSON and fits its room, whatever was seen") {
  const std::string nasty(100000, '\x01');
  ErrorDetail detail;
  detail.model = nasty;
  detail.offset = 4294967294u;
  detail.upstream_status = 529;
  detail.reason = "The field `stream_options.include_usage` must be a boolean.";
  SeenResponse seen;
  seen.next_sequence = UINT64_MAX;
  const std::string prefix = "event: response.failed\ndata: ";
  for (const std::size_t size : {std::size_t{0}, kResponseIdBytes, kResponseIdBytes + 1}) {
    seen.id = Bytes(nasty).substr(0, size);
    for (const auto& [code, status] : kStatuses) {
      CAPTURE(base::name_of(code));
      const std::string event = response_event_of(code, detail, seen);
      CHECK(event.substr(0, prefix.size()) == prefix);
      const std::string data = event.substr(prefix.size(), event.size() - prefix.size() - 2);
      CHECK(data.find('\n') == std::string::npos);
      CHECK(json::validate(data).ok());
      CHECK((data.find("\"id\":\"\"") != std::string::npos) ==
            (size == 0 || size > kResponseIdBytes));
    }
  }
}

TEST_CASE("a provider's status reaches the client as the nearest one that is meant for it") {
  const std::map<int, int> rows = {{400, 400},
                                   {401, 502},
                                   {402, 429},
                                   {403, 502},
                                   {404, 404},
                                   {418, 502},
                                   {422, 400},
                                   {429, 429},
                                   {498, 429},
                                   {500, 500},
                                   {503, 503},
                                   {504, 504},
                                   {529, 503},
                                   {520, 502},
                                   {0, 502}};
  for (const auto& [upstream, status] : rows) {
    CAPTURE(upstream);
    CHECK(http_status_of(error_of(Errc::upstream_status),
                         of_upstream(static_cast<std::uint16_t>(upstream))) == status);
  }
  CHECK(body_of(Errc::upstream_status, of_upstream(401))
            .find("\"code\":\"upstream_authentication\"") != std::string::npos);
  CHECK(
      body_of(Errc::upstream_status, of_upstream(429)) ==
      R"({"error":{"message":"The provider answered with an error. Its status was 429.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}})");
  CHECK(body_of(Errc::upstream_status, of_upstream(402)).find("insufficient_quota") !=
        std::string::npos);
}

TEST_CASE(
    "a key that is not good is told in one way, and what a key may not do in each family's words") {
  CHECK(
      body_of(Errc::invalid_key) ==
      R"({"error":{"message":"The request has no valid API key.","type":"authentication_error","param":null,"code":"invalid_api_key"}})");
  CHECK(
      body_of(Errc::invalid_key, {}, Family::anthropic) ==
      R"({"type":"error","error":{"type":"authentication_error","message":"The request has no valid API key."}})");
  CHECK(
      body_of(Errc::model_not_allowed) ==
      R"({"error":{"message":"This API key may not use the model.","type":"permission_error","param":"model","code":"model_not_allowed"}})");
  CHECK(body_of(Errc::model_not_allowed, {}, Family::anthropic).find("permission_error") !=
        std::string::npos);
  CHECK(
      body_of(Errc::tokens_limited) ==
      R"({"error":{"message":"This API key has used up its tokens of the minute.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}})");
  for (const Errc code :
       {Errc::requests_limited, Errc::tokens_limited, Errc::concurrency_limited}) {
    CHECK(body_of(code).find("\"code\":\"rate_limit_exceeded\"") != std::string::npos);
    CHECK(body_of(code, {}, Family::anthropic).find("rate_limit_error") != std::string::npos);
  }
}

TEST_CASE(
    "a conversation that no provider keeps is refused in the words that clients fall back on") {
  ErrorDetail thread;
  thread.param = "thread";
  thread.reason = "It lives with another provider.";
  CHECK(
      body_of(Errc::bad_field, thread, Family::anthropic) ==
      R"({"type":"error","error":{"type":"invalid_request_error","message":"A field of the request body is missing or has the wrong type. It lives with another provider.","details":{"error_code":"thread_unsupported_request"}}})");
  thread.param = "stream";
  CHECK(body_of(Errc::bad_field, thread, Family::anthropic).find("details") == std::string::npos);
}

TEST_CASE("only faults that pass by themselves ask the client to come back") {
  CHECK(retry_after_seconds_of(error_of(Errc::out_of_files)) == 1);
  CHECK(retry_after_seconds_of(error_of(Errc::overloaded)) == 1);
  CHECK(retry_after_seconds_of(error_of(Errc::draining)) == 1);
  CHECK(retry_after_seconds_of(error_of(Errc::bad_json)) == 0);
}

}  // namespace
}  // namespace headrace::api
