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
std::string kept(const std::string& lines) {
  const std::string text = "POST / HTTP/1.1\r\nhost: h\r\n" + lines + "\r\n";
  http::H1RequestParser parser;
  parser.reset();
  REQUIRE(parser.parse(text) == http::Parse::done);
  io::BlockPool blocks;
  const io::Slice slice = keep_request_fields(parser.fields(), text, blocks);
  return std::string(slice.view());
}

std::string error_fields(base::Errc code, bool tried = false) {
  std::array<char, 512> out;
  return std::string(write_error_fields(out, base::gateway_error(code), "POST", tried));
}

}  // namespace

TEST_CASE("the head of a request, byte for byte") {
  config::Provider provider;
  provider.authority = "api.example:8443";
  provider.base_path = "/base/v1";
  std::array<char, kRequestHeadBytes> out;
  SUBCASE("a stream with a key") {
    provider.api_key = "k";
    CHECK(write_request_head(out, provider, "/chat/completions", "a: b\r\n", 42, true) ==
          "POST /base/v1/chat/completions HTTP/1.1\r\nhost: api.example:8443\r\n"
          "content-type: application/json\r\naccept: text/event-stream\r\naccept-encoding: "
          "identity\r\n"
          "user-agent: headrace/" HEADRACE_VERSION
          "\r\nauthorization: Bearer k\r\na: b\r\n"
          "content-length: 42\r\n\r\n");
  }
  SUBCASE("a plain one without") {
    CHECK(write_request_head(out, provider, "/embeddings", {}, 0, false) ==
          "POST /base/v1/embeddings HTTP/1.1\r\nhost: api.example:8443\r\n"
          "content-type: application/json\r\naccept: application/json\r\naccept-encoding: "
          "identity\r\n"
          "user-agent: headrace/" HEADRACE_VERSION "\r\ncontent-length: 0\r\n\r\n");
  }
  SUBCASE("everything at its bound") {
    provider.api_key = std::string(base::limits::kApiKeyBytes, 'k');
    const std::string fields(kRequestFieldsBytes, 'x');
    CHECK(write_request_head(out, provider, "/embeddings", fields, UINT32_MAX, true).size() >
          base::limits::kApiKeyBytes + kRequestFieldsBytes);
  }
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
  CHECK(error_fields(base::Errc::upstream_closed, true) ==
        "content-type: application/json\r\nx-should-retry: false\r\n");
}

TEST_CASE("the model list names what routes serve, but no patterns") {
  config::Snapshot snapshot;
  for (const char* model : {"a", "b-*", "c\"d"}) {
    snapshot.routes.emplace_back().model = model;
    snapshot.routes.back().targets.emplace_back();
  }
  io::BlockPool blocks;
  CHECK(write_models(snapshot, {}, blocks).view() ==
        R"({"object":"list","data":[{"id":"a","object":"model","created":0,"owned_by":"headrace"},)"
        R"({"id":"c\"d","object":"model","created":0,"owned_by":"headrace"}]})");
  CHECK(write_models(snapshot, "b-1", blocks).view() ==
        R"({"id":"b-1","object":"model","created":0,"owned_by":"headrace"})");
  CHECK(write_models(snapshot, "x", blocks).empty());
}

}  // namespace headrace::proxy
