// Goal: the exact bytes of the heads that we write, and what of a request may go on to a provider.
#include "proxy/reply.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "headrace/version.h"
#include "http/h1_parser.h"

namespace headrace::proxy {
namespace {

// What is kept of the fields in `lines`.
std::string kept(const std::string& lines, api::Family family = api::Family::openai) {
  const std::string text = "POST / HTTP/1.1\r\nhost: h\r\n" + lines + "\r\n";
  http::H1RequestParser parser;
  parser.reset();
  REQUIRE(parser.parse(text) == http::Parse::done);
  io::BlockPool blocks;
  const io::Slice slice = keep_request_fields(family, parser.fields(), text, blocks);
  return std::string(slice.view());
}

std::string error_fields(base::Errc code) {
  std::array<char, 512> out;
  return std::string(write_error_fields(out, base::gateway_error(code), "POST"));
}

}  // namespace

TEST_CASE("the head of a request, byte for byte") {
  config::Provider provider;
  provider.authority = "api.example:8443";
  provider.base_path = "/base/v1";
  std::array<char, kRequestHeadBytes> out;
  RequestFacts facts;
  facts.provider = &provider;
  facts.dialect = &dialect::openai_dialect();
  SUBCASE("a stream with a key") {
    facts.path = "/chat/completions";
    facts.key = "k";
    facts.forwarded = "a: b\r\n";
    facts.body_bytes = 42;
    facts.stream = true;
    CHECK(write_request_head(out, facts) ==
          "POST /base/v1/chat/completions HTTP/1.1\r\nhost: api.example:8443\r\n"
          "content-type: application/json\r\naccept: text/event-stream\r\naccept-encoding: "
          "identity\r\n"
          "user-agent: headrace/" HEADRACE_VERSION
          "\r\nauthorization: Bearer k\r\na: b\r\n"
          "content-length: 42\r\n\r\n");
  }
  SUBCASE("a plain one without") {
    facts.path = "/embeddings";
    CHECK(write_request_head(out, facts) ==
          "POST /base/v1/embeddings HTTP/1.1\r\nhost: api.example:8443\r\n"
          "content-type: application/json\r\naccept: application/json\r\naccept-encoding: "
          "identity\r\n"
          "user-agent: headrace/" HEADRACE_VERSION "\r\ncontent-length: 0\r\n\r\n");
  }
  SUBCASE("everything at its bound") {
    const std::string key(base::limits::kApiKeyBytes, 'k');
    const std::string fields(kRequestFieldsBytes, 'x');
    facts.dialect = &dialect::anthropic_dialect();
    facts.path = "/messages/count_tokens";
    facts.key = key;
    facts.forwarded = fields;
    facts.body_bytes = UINT32_MAX;
    CHECK(write_request_head(out, facts).size() > base::limits::kApiKeyBytes + kRequestFieldsBytes);
  }
}

TEST_CASE("a provider gets its key and its version as its dialect has them") {
  config::Provider provider;
  provider.authority = "a";
  std::array<char, kRequestHeadBytes> out;
  RequestFacts facts;
  facts.provider = &provider;
  facts.dialect = &dialect::anthropic_dialect();
  facts.path = "/messages";
  facts.key = "k";
  const auto head = [&] { return std::string(write_request_head(out, facts)); };
  CHECK(head().find("\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n") != std::string::npos);
  facts.forwarded = "anthropic-version: 2024-01-01\r\n";
  CHECK(head().find("2023-06-01") == std::string::npos);
  CHECK(head().find("\r\nanthropic-version: 2024-01-01\r\n") != std::string::npos);
}

TEST_CASE("Anthropic's clients have fields of their own") {
  CHECK(kept("Anthropic-Version: v\r\nanthropic-beta: b\r\nopenai-beta: x\r\n",
             api::Family::anthropic) == "anthropic-version: v\r\nanthropic-beta: b\r\n");
}

TEST_CASE("only the fields on the list go on, in lower case") {
  CHECK(
      kept("OpenAI-Organization: o\r\nx: y\r\nidempotency-key: i\r\nauthorization: Bearer c\r\n") ==
      "openai-organization: o\r\nidempotency-key: i\r\n");
  CHECK(kept("openai-projects: p\r\nopenai: q\r\n").empty());
}

TEST_CASE("fields that do not fit are left out whole") {
  const std::string half(kRequestFieldsBytes * 2 / 3, 'x');
  CHECK(
      kept("openai-beta: " + half + "\r\nopenai-project: " + half + "\r\nidempotency-key: i\r\n") ==
      "openai-beta: " + half + "\r\nidempotency-key: i\r\n");
}

TEST_CASE("an answer says what was done for it") {
  const base::Uuid id{};
  std::array<char, 512> out;
  http::H1Writer writer(out.data(), out.size());
  AnswerFacts facts;
  facts.id = &id;
  SUBCASE("with an attempt") {
    facts.target = "p/m";
    facts.attempts = 2;
    facts.reused = true;
    facts.overhead = 12'345;
    facts.upstream = 1'234'567'890;
    write_answer_facts(writer, facts);
    CHECK(
        writer.written() ==
        "x-headrace-request-id: 00000000-0000-0000-0000-000000000000\r\nx-headrace-attempts: 2\r\n"
        "x-headrace-overhead-us: 12\r\n"
        "server-timing: headrace;dur=0.012, conn;desc=reused, upstream;dur=1234.567\r\n"
        "x-headrace-target: p/m\r\n");
  }
  SUBCASE("of a request that failed for good") {
    facts.target = "p";
    facts.final_failure = true;
    write_answer_facts(writer, facts);
    CHECK(writer.written().ends_with("x-headrace-target: p\r\nx-should-retry: false\r\n"));
  }
  SUBCASE("without one") {
    write_answer_facts(writer, facts);
    CHECK(
        writer.written() ==
        "x-headrace-request-id: 00000000-0000-0000-0000-000000000000\r\nx-headrace-attempts: 0\r\n"
        "x-headrace-overhead-us: 0\r\nserver-timing: headrace;dur=0.000\r\n");
  }
}

TEST_CASE("an error brings the fields that it owes") {
  CHECK(error_fields(base::Errc::bad_json) == "content-type: application/json\r\n");
  CHECK(error_fields(base::Errc::method_not_allowed) ==
        "content-type: application/json\r\nallow: POST\r\n");
  CHECK(error_fields(base::Errc::upgrade_refused) ==
        "content-type: application/json\r\nupgrade: HTTP/1.1\r\n");
  CHECK(error_fields(base::Errc::overloaded) ==
        "content-type: application/json\r\nretry-after: 1\r\n");
  CHECK(error_fields(base::Errc::upstream_closed) == "content-type: application/json\r\n");
}

TEST_CASE("the model list names what routes serve, but no patterns") {
  config::Snapshot snapshot;
  for (const char* model : {"a", "b-*", "c\"d"}) {
    snapshot.routes.emplace_back().model = model;
    snapshot.routes.back().targets.emplace_back();
  }
  io::BlockPool blocks;
  const auto models = [&](base::Bytes id, api::Family family = api::Family::openai) {
    return std::string(write_models(snapshot, {}, family, id, blocks).view());
  };
  CHECK(models({}) ==
        R"({"object":"list","data":[{"id":"a","object":"model","created":0,"owned_by":"headrace"},)"
        R"({"id":"c\"d","object":"model","created":0,"owned_by":"headrace"}]})");
  CHECK(models("b-1") == R"({"id":"b-1","object":"model","created":0,"owned_by":"headrace"})");
  CHECK(models("x").empty());
  CHECK(
      models({}, api::Family::anthropic) ==
      R"({"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-01T00:00:00Z"},)"
      R"({"type":"model","id":"c\"d","display_name":"c\"d","created_at":"1970-01-01T00:00:00Z"}],)"
      R"("first_id":"a","last_id":"c\"d","has_more":false})");
}

TEST_CASE("a key sees the models that it may use") {
  config::Snapshot snapshot;
  for (const char* model : {"a", "b", "c-*"}) snapshot.routes.emplace_back().model = model;
  policy::Key key;
  key.models = {"b", "c-1"};
  policy::Caller caller;
  caller.key = &key;
  io::BlockPool blocks;
  const auto models = [&](base::Bytes id) {
    return std::string(write_models(snapshot, caller, api::Family::openai, id, blocks).view());
  };
  CHECK(models({}).find("\"id\":\"b\"") != std::string::npos);
  CHECK(models({}).find("\"id\":\"a\"") == std::string::npos);
  CHECK(models("a").empty());
  CHECK_FALSE(models("c-1").empty());
  CHECK(models("c-2").empty());
}

}  // namespace headrace::proxy
