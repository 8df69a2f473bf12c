// Goal: a failure is understood from its status and its words, in every shape it comes in. Method:
// one table of statuses, then bodies whose words outrank the status; whole texts are golden cases.
#include "dialect/provider_error.h"

#include <doctest/doctest.h>

#include <string>

#include "dialect/dialect.h"

namespace headrace::dialect {
namespace {

ErrorClass class_of(std::uint16_t status, const std::string& body) {
  io::BlockPool pool;
  Translator translator(pool);
  return translator.error(status, body).which;
}

TEST_CASE("a status without words decides by itself") {
  using enum ErrorClass;
  struct Row {
    std::uint16_t status;
    ErrorClass which;
  };
  constexpr Row kRows[] = {{400, bad_request},
                           {401, bad_credential},
                           {402, no_credit},
                           {403, forbidden},
                           {404, not_found},
                           {408, timed_out},
                           {409, conflict},
                           {413, too_large},
                           {418, bad_request},
                           {422, bad_request},
                           {429, rate_limited},
                           {498, no_capacity},
                           {500, server_fault},
                           {502, server_fault},
                           {503, overloaded},
                           {504, timed_out},
                           {507, server_fault},
                           {529, overloaded}};
  for (const Row& row : kRows) {
    CAPTURE(row.status);
    CHECK(class_of(row.status, "") == row.which);
  }
}

TEST_CASE("words that say more than their status outrank it") {
  CHECK(class_of(429, R"({"error":{"code":"insufficient_quota","type":"x"}})") ==
        ErrorClass::no_credit);
  CHECK(class_of(400, R"({"error":{"code":"model_not_found"}})") == ErrorClass::not_found);
  CHECK(class_of(400, R"({"error":{"message":"MAXIMUM context length is 5"}})") ==
        ErrorClass::prompt_too_long);
  CHECK(class_of(400, R"({"error":{"code":"content_filter"}})") == ErrorClass::content_filter);
}

TEST_CASE("words that only repeat a status do not override it") {
  CHECK(class_of(503, R"({"error":{"type":"invalid_request_error"}})") == ErrorClass::overloaded);
  CHECK(class_of(500, R"({"error":{"type":"rate_limit_error"}})") == ErrorClass::server_fault);
}

TEST_CASE("inside a stream the object speaks alone, by its words or its number") {
  CHECK(class_of(0, R"({"type":"error","error":{"type":"overloaded_error"}})") ==
        ErrorClass::overloaded);
  CHECK(class_of(0, R"({"error":{"code":429,"message":"x"}})") == ErrorClass::rate_limited);
  CHECK(class_of(0, R"({"error":{"message":"x","status":529}})") == ErrorClass::overloaded);
  CHECK(class_of(0, R"({"error":"boom"})") == ErrorClass::server_fault);
}

TEST_CASE("what a provider says about a credential reaches nobody") {
  io::BlockPool pool;
  Translator translator(pool);
  api::JsonBuilder out(pool);
  const std::string body = R"({"error":{"message":"bad key sk-canary","code":"invalid_api_key"}})";
  for (const api::Family family : {api::Family::openai, api::Family::anthropic}) {
    out.clear();
    write_provider_error(family, translator.error(401, body), out);
    CHECK(out.view().find("canary") == Bytes::npos);
    CHECK(out.view().find("sk-") == Bytes::npos);
  }
}

TEST_CASE("every class has a row, and credentials fail over where the client could not help it") {
  for (int i = 0; i <= static_cast<int>(ErrorClass::overloaded); ++i) {
    const ErrorRow& row = row_of(static_cast<ErrorClass>(i));
    CHECK(row.status >= 400);
    CHECK_FALSE(row.type.empty());
    CHECK_FALSE(row.anthropic_type.empty());
  }
  CHECK(row_of(ErrorClass::bad_credential).remedy == Remedy::next_credential);
  CHECK(row_of(ErrorClass::bad_credential).status == 502);
}

}  // namespace
}  // namespace headrace::dialect
