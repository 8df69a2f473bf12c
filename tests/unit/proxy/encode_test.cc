// Goal: what a provider hears is the client's own bytes with exactly the named edits, or a
// translation, under the credential that is its own. Method: a worker in the simulated world, the
// provider's ear.
#include <doctest/doctest.h>

#include <string>

#include "two_providers.h"

namespace headrace::test {
namespace {

std::string asked_with(const config::Snapshot& snapshot, const std::string& request) {
  TwoProviders scene(snapshot);
  scene.ask(request);
  REQUIRE(scene.run_until([&] { return scene.provider.count() != 0; }));
  const std::size_t end = scene.provider[0].heard.find("\r\n\r\n");
  scene.run_until([&] { return scene.provider[0].heard.size() > end + 4; });
  scene.settle();
  return scene.provider[0].heard;
}

config::Snapshot with_model(const std::string& model) {
  config::Snapshot snapshot = two_providers();
  snapshot.routes[0].targets[0].model = model;
  return snapshot;
}

config::Snapshot with_dialect(const std::string& dialect) {
  config::Snapshot snapshot = two_providers();
  snapshot.providers[0].dialect = dialect;
  return snapshot;
}

}  // namespace

TEST_CASE("a stream is asked for its usage, and nothing else of it changes") {
  const std::string body = R"({ "model":"m" ,"x":[1.0e5], "stream" : true })";
  const std::string heard = asked_with(two_providers(), post("/v1/chat/completions", body));
  CHECK(body_of(heard) == R"({"stream_options":{"include_usage":true}, "model":"m" ,"x":[1.0e5], )"
                          R"("stream" : true })");
  CHECK(heard.find("content-length: " + std::to_string(body_of(heard).size()) + "\r\n") !=
        std::string::npos);
  config::Snapshot silent = two_providers();
  silent.providers[0].reports_usage = false;
  CHECK(body_of(asked_with(silent, post("/v1/chat/completions", body))) == body);
}

TEST_CASE("the target's name for the model takes the place of the client's") {
  CHECK(body_of(asked_with(with_model("real/name"),
                           post("/v1/embeddings", R"({"input":"\ud800", "model" : "m"})"))) ==
        R"({"input":"\ud800", "model" : "real/name"})");
}

TEST_CASE("our own members reach no provider") {
  CHECK(body_of(asked_with(
            two_providers(),
            post("/v1/chat/completions", R"({"headrace":{"a":1},"model":"m","x-headrace":2})"))) ==
        R"({"model":"m"})");
}

TEST_CASE("an edited body above the bound for copies arrives whole") {
  const std::string text(100'000, 'x');
  const std::string heard = asked_with(
      with_model("n"),
      post("/v1/chat/completions", R"({"messages":")" + text + R"(","model":"m","stream":true})"));
  CHECK(body_of(heard) == R"({"stream_options":{"include_usage":true},"messages":")" + text +
                              R"(","model":"n","stream":true})");
}

TEST_CASE("Anthropic's clients and providers are left alone but for the model") {
  config::Snapshot snapshot = with_dialect("anthropic");
  snapshot.routes[0].targets[0].model = "claude";
  const std::string heard =
      asked_with(snapshot,
                 post("/v1/messages",
                      R"({"model":"m","max_tokens":5,"stream":true})",
                      "anthropic-version: 2024-02-02\r\nanthropic-beta: b\r\nx-api-key: mine\r\n"));
  CHECK(heard.starts_with("POST /v1/messages HTTP/1.1\r\n"));
  CHECK(body_of(heard) == R"({"model":"claude","max_tokens":5,"stream":true})");
  CHECK(heard.find("\r\nanthropic-version: 2024-02-02\r\n") != std::string::npos);
  CHECK(heard.find("\r\nanthropic-beta: b\r\n") != std::string::npos);
  CHECK(heard.find("\r\nx-api-key: key-one\r\n") != std::string::npos);
  CHECK(heard.find("mine") == std::string::npos);
}

TEST_CASE("a request for a provider of the other dialect is translated") {
  SUBCASE("OpenAI to Anthropic") {
    const std::string heard =
        asked_with(with_dialect("anthropic"),
                   post("/v1/chat/completions",
                        R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"seed":1})",
                        "openai-beta: b\r\n"));
    CHECK(heard.starts_with("POST /v1/messages HTTP/1.1\r\n"));
    CHECK(heard.find("\r\nx-api-key: key-one\r\nanthropic-version: 2023-06-01\r\n") !=
          std::string::npos);
    CHECK(body_of(heard).find("\"max_tokens\":") != std::string::npos);
    CHECK(heard.find("seed") == std::string::npos);
    CHECK(heard.find("openai-beta") == std::string::npos);
  }
  SUBCASE("Anthropic to OpenAI") {
    const std::string heard = asked_with(
        with_dialect("openai"),
        post(
            "/v1/messages",
            R"({"model":"m","max_tokens":9,"system":"S","messages":[{"role":"user","content":"Hi"}]})",
            kMessagesFields));
    CHECK(heard.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
    CHECK(heard.find("authorization: Bearer key-one\r\n") != std::string::npos);
    CHECK(heard.find("anthropic-version") == std::string::npos);
    CHECK(body_of(heard).find("\"role\":\"system\"") != std::string::npos);
  }
}

TEST_CASE("a trace goes on to the provider that is to be told, and to no other") {
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string request = post("/v1/chat/completions",
                                   R"({"model":"m"})",
                                   "traceparent: 00-" + id + "-00f067aa0ba902b7-01\r\n");
  CHECK(asked_with(two_providers(), request).find("traceparent") == std::string::npos);
  config::Snapshot told = two_providers();
  told.providers[0].traces = true;
  const std::string heard = asked_with(told, request);
  CHECK(heard.find("\r\ntraceparent: 00-" + id + "-") != std::string::npos);
  CHECK(heard.find("00f067aa0ba902b7") == std::string::npos);
  const std::string begun = asked_with(told, post("/v1/chat/completions", R"({"model":"m"})"));
  CHECK(begun.find("\r\ntraceparent: 00-") != std::string::npos);
}

TEST_CASE("what a translation cannot keep is refused with its name, and nobody is asked") {
  TwoProviders scene(with_dialect("anthropic"));
  Talker& client = scene.ask(post("/v1/chat/completions",
                                  R"({"model":"m","messages":[{"role":"user","content":"Hi"}],)"
                                  R"("logprobs":true})"));
  REQUIRE(scene.heard(client, "\"logprobs\""));
  CHECK(client.heard.starts_with("HTTP/1.1 400 "));
  CHECK(client.has("\"param\":\"logprobs\""));
  CHECK(scene.provider.count() == 0);
  CHECK(scene.second.count() == 0);
}

TEST_CASE("what could not be translated for the second target does not hide why the first failed") {
  config::Snapshot snapshot = two_providers();
  snapshot.providers[1].dialect = "anthropic";
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(post("/v1/chat/completions",
                                  R"({"model":"m","messages":[{"role":"user","content":"Hi"}],)"
                                  R"("logprobs":true})"));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}", 503));
  REQUIRE(scene.heard(client, "HTTP/1.1 503 "));
  CHECK_FALSE(client.has("logprobs"));
}

}  // namespace headrace::test
