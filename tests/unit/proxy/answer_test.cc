// Goal: what a client gets: an answer in its own dialect, errors in its own shape, refusals with
// everything that tells it what to do. Method: a worker in the simulated world.
#include <doctest/doctest.h>

#include <string>

#include "two_providers.h"

namespace headrace::test {
namespace {

using base::kSecond;

constexpr char kKey[] = "hr-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const std::string kBearer = "authorization: Bearer " + std::string(kKey) + "\r\n";

config::Snapshot with_key(const config::ClientKey& key) {
  config::Snapshot snapshot = two_providers();
  snapshot.key_secret = kKeySecret;
  snapshot.keys = {key};
  return snapshot;
}

std::string messages(bool stream) {
  return post("/v1/messages",
              std::string(R"({"model":"m","max_tokens":5,)") + (stream ? R"("stream":true,)" : "") +
                  R"("messages":[{"role":"user","content":"Hi"}]})",
              kMessagesFields);
}

std::string completions(bool stream) {
  return post("/v1/chat/completions",
              std::string(R"({"model":"m",)") + (stream ? R"("stream":true,)" : "") +
                  R"("messages":[{"role":"user","content":"Hi"}]})");
}

}  // namespace

TEST_CASE("a plain answer of the other dialect is translated whole") {
  SUBCASE("for OpenAI's clients") {
    config::Snapshot snapshot = two_providers();
    snapshot.providers[0].dialect = "anthropic";
    TwoProviders scene(snapshot);
    Talker& client = scene.ask(completions(false));
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer(kMessageAnswer, 200, "request-id: r1\r\n"));
    REQUIRE(scene.heard(client, "Hello"));
    CHECK(client.has("\"finish_reason\":\"stop\""));
    CHECK(client.has("\"prompt_tokens\":11"));
    CHECK(client.has("request-id: r1\r\n"));
    CHECK(client.has("content-type: application/json\r\n"));
  }
  SUBCASE("for Anthropic's") {
    TwoProviders scene;
    Talker& client = scene.ask(messages(false));
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer(kChatAnswer));
    REQUIRE(scene.heard(client, "Hello"));
    CHECK(client.has("\"stop_reason\":\"end_turn\""));
    CHECK(client.has("\"input_tokens\":11"));
  }
}

TEST_CASE("a stream of the other dialect is translated event by event") {
  TwoProviders scene;
  Talker& client = scene.ask(messages(true));
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(kRoleEvent));
  scene.settle();
  CHECK(client.heard.empty());
  scene.provider[0].send(chunk(delta("Hel")));
  REQUIRE(scene.heard(client, "\"text\":\"Hel\""));
  CHECK(client.has("content-type: text/event-stream\r\n"));
  CHECK(client.has("event: message_start\n"));
  scene.provider[0].send(chunk(delta("lo")));
  REQUIRE(scene.heard(client, "\"text\":\"lo\""));
  SUBCASE("to its end") {
    scene.provider[0].send(chunk(kFinishEvent) + chunk(kDoneEvent) + kLastChunk);
    REQUIRE(scene.heard(client, "event: message_stop\n"));
    scene.settle();
    CHECK(unchunk(body_of(client.heard)).complete);
  }
  SUBCASE("or to the error that its client knows") {
    scene.provider[0].close();
    REQUIRE(scene.heard(client, "event: error\n"));
    scene.settle();
    CHECK_FALSE(client.has("message_stop"));
    CHECK(unchunk(body_of(client.heard)).complete);
  }
}

TEST_CASE("names that a translation left out are listed") {
  config::Snapshot snapshot = two_providers();
  snapshot.providers[0].dialect = "anthropic";
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(post("/v1/chat/completions",
                                  R"({"model":"m","messages":[{"role":"user","content":"Hi"}],)"
                                  R"("seed":1,"logit_bias":{"1":1}})"));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer(kMessageAnswer));
  REQUIRE(scene.heard(client, "Hello"));
  CHECK((client.has("x-headrace-dropped: seed, logit_bias\r\n") ||
         client.has("x-headrace-dropped: logit_bias, seed\r\n")));
}

TEST_CASE("errors have the shape of the path's family") {
  TwoProviders scene;
  Talker& client =
      scene.ask(post("/v1/messages", R"({"model":"x","max_tokens":1})", kMessagesFields));
  REQUIRE(scene.heard(client, "\"error\""));
  CHECK(client.heard.starts_with("HTTP/1.1 404 "));
  CHECK(body_of(client.heard).starts_with(R"({"type":"error","error":{"type":"not_found_error")"));
}

TEST_CASE("a broken stream of responses ends in response.failed") {
  TwoProviders scene;
  Talker& client = scene.ask(post("/v1/responses", R"({"model":"m","stream":true,"input":"x"})"));
  REQUIRE(scene.asked());
  scene.provider[0].send(
      kStreamHead +
      chunk("event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
            "\"response\":{\"id\":\"resp_7\"}}\n\n"
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
            "\"sequence_number\":4,\"delta\":\"Hi\"}\n\n"));
  REQUIRE(scene.heard(client, "\"Hi\""));
  scene.provider[0].close();
  REQUIRE(scene.heard(client, "response.failed"));
  CHECK(client.has(R"("sequence_number":5,"response":{"id":"resp_7")"));
  scene.settle();
  CHECK(unchunk(body_of(client.heard)).complete);
}

TEST_CASE("a path that no target of the model serves says which models have one") {
  config::Snapshot snapshot = two_providers();
  snapshot.providers[0].dialect = "anthropic";
  snapshot.routes[0].targets.resize(1);
  config::Route other;
  other.model = "embedder";
  other.targets.push_back({.name = "q", .provider = 1, .model = ""});
  snapshot.routes.push_back(other);
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(post("/v1/embeddings", R"({"model":"m","input":"x"})"));
  REQUIRE(scene.heard(client, "unsupported_endpoint"));
  CHECK(client.heard.starts_with("HTTP/1.1 404 "));
  CHECK(client.has("embedder"));
}

TEST_CASE("who has no good key is told so in the same words, and may ask again") {
  TwoProviders scene(with_key(client_key("a", kKey)));
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.heard(client, "invalid_api_key"));
  client.send(chat(false, "authorization: Bearer hr-000000000000000000000\r\n"));
  REQUIRE(scene.run_until([&] { return client.count("invalid_api_key") == 2; }));
  client.send(chat(false, kBearer));
  REQUIRE(scene.asked());
  CHECK_FALSE(scene.provider[0].has(kKey));
  scene.provider[0].send(plain_answer(kChatAnswer));
  REQUIRE(scene.heard(client, "Hello"));
  CHECK(client.count("HTTP/1.1 401 ") == 2);
}

TEST_CASE("a stranger who waits for leave to send a body is refused before it") {
  TwoProviders scene(with_key(client_key("a", kKey)));
  Talker& client = scene.ask(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n"
      "content-length: 10\r\n\r\n");
  REQUIRE(scene.heard(client, "invalid_api_key"));
  CHECK_FALSE(client.has("100 Continue"));
  CHECK(client.has("connection: close\r\n"));
}

TEST_CASE("a key may have models, and the rest is forbidden") {
  config::ClientKey key = client_key("a", kKey);
  key.models = {"other"};
  TwoProviders scene(with_key(key));
  Talker& client = scene.ask(chat(false, kBearer));
  REQUIRE(scene.heard(client, "model_not_allowed"));
  CHECK(client.heard.starts_with("HTTP/1.1 403 "));
  CHECK(scene.provider.count() == 0);
}

TEST_CASE("a used-up limit is refused with everything that tells when to come back") {
  config::ClientKey key = client_key("a", kKey);
  key.requests_per_minute = 1;
  TwoProviders scene(with_key(key));
  Talker& client = scene.ask(chat(false, kBearer));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer(kChatAnswer, 200, "x-ratelimit-limit-requests: 999\r\n"));
  REQUIRE(scene.heard(client, "Hello"));
  CHECK(client.has("x-ratelimit-limit-requests: 1\r\n"));
  CHECK(client.has("x-ratelimit-remaining-requests: 0\r\n"));
  CHECK_FALSE(client.has("999"));
  client.send(chat(false, kBearer));
  REQUIRE(scene.heard(client, "HTTP/1.1 429 "));
  REQUIRE(scene.heard(client, "rate_limit_exceeded"));
  CHECK(client.has("x-ratelimit-scope: requests\r\n"));
  CHECK(client.has("retry-after: "));
  CHECK(client.has("retry-after-ms: "));
  CHECK(scene.provider[0].count("POST") == 1);
  const std::vector<Record> records = scene.records();
  REQUIRE(records.size() == 3);
  CHECK(static_cast<base::Errc>(records[2].error) == base::Errc::requests_limited);
  CHECK(records[2].key == 0);
}

TEST_CASE("a place among those that run at the same time is given back, however a request ends") {
  config::ClientKey key = client_key("a", kKey);
  key.concurrency = 1;
  TwoProviders scene(with_key(key));
  for (int i = 0; i < 3; ++i) {
    Talker& client = scene.ask(chat(false, kBearer));
    REQUIRE(scene.asked(static_cast<std::size_t>(i)));
    Talker& other = scene.ask(chat(false, kBearer));
    REQUIRE(scene.heard(other, "HTTP/1.1 429 "));
    CHECK(other.has("x-ratelimit-scope: concurrency\r\n"));
    client.reset();
    scene.settle();
  }
}

TEST_CASE("a key that a client brought goes to the provider that takes it, and along no failover") {
  config::Snapshot snapshot = two_providers();
  snapshot.access = config::Access::bring;
  snapshot.providers[0].takes_client_key = true;
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(chat(false, "authorization: Bearer sk-of-the-client-0000\r\n"));
  REQUIRE(scene.asked());
  CHECK(scene.provider[0].has("authorization: Bearer sk-of-the-client-0000\r\n"));
  CHECK_FALSE(scene.provider[0].has("key-one"));
  SUBCASE("what the provider says of it is for the client to hear") {
    scene.provider[0].send(plain_answer("{\"error\":{\"message\":\"bad key\"}}", 401));
    REQUIRE(scene.heard(client, "bad key"));
    CHECK(client.heard.starts_with("HTTP/1.1 401 "));
  }
  SUBCASE("nobody else sees it") {
    scene.provider[0].send(plain_answer("{}", 500));
    REQUIRE(scene.heard(client, "HTTP/1.1 500 "));
  }
  CHECK(scene.second.count() == 0);
}

TEST_CASE("the list of models speaks to both families, and to keys of what they may use") {
  config::ClientKey key = client_key("a", kKey);
  key.models = {"m"};
  config::Snapshot snapshot = with_key(key);
  config::Route hidden = snapshot.routes[0];
  hidden.model = "hidden";
  snapshot.routes.push_back(hidden);
  TwoProviders scene(snapshot);
  Talker& client = scene.ask("GET /v1/models HTTP/1.1\r\nhost: h\r\n" + kBearer + "\r\n");
  REQUIRE(scene.heard(client, "\"id\":\"m\""));
  CHECK_FALSE(client.has("hidden"));
  client.send("GET /v1/models HTTP/1.1\r\nhost: h\r\n" + kBearer + kMessagesFields + "\r\n");
  REQUIRE(scene.heard(client, "\"display_name\":\"m\""));
  client.send("GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n");
  REQUIRE(scene.heard(client, "HTTP/1.1 401 "));
}

TEST_CASE("where the audit is required nobody is let in whose record might find no room") {
  config::Snapshot snapshot = two_providers();
  snapshot.audit.required = true;
  TwoProviders scene(snapshot);  // its ring has room for the records of two
  Talker& first = scene.ask(completions(false));
  REQUIRE(scene.asked(0));
  scene.ask(completions(false));
  REQUIRE(scene.asked(1));
  Talker& third = scene.ask(completions(false));
  REQUIRE(scene.heard(third, "HTTP/1.1 503 "));
  scene.provider[0].send(plain_answer(kChatAnswer));
  REQUIRE(scene.heard(first, "HTTP/1.1 200 "));
  CHECK(scene.records().size() >= 3);  // the refusal's too; what is read makes room again
  Talker& fourth = scene.ask(completions(false));
  scene.settle();
  CHECK_FALSE(fourth.has("503"));
}

TEST_CASE("what an answer used is on record, with its price; what was cut off is estimated") {
  config::Snapshot snapshot = two_providers();
  TwoProviders scene(snapshot);
  SUBCASE("of a plain answer") {
    scene.ask(completions(false));
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer(kChatAnswer));
    scene.settle();
    const std::vector<Record> records = scene.records();
    REQUIRE(records.size() == 2);
    for (const Record& record : records) {
      CHECK(record.tokens[static_cast<std::size_t>(TokenClass::input)] == 11);
      CHECK(record.tokens[static_cast<std::size_t>(TokenClass::output)] == 7);
      CHECK(record.cost_picodollars == kNoCost);
      CHECK((record.flags & record_flag::kUsageEstimated) == 0);
    }
  }
  SUBCASE("of a stream whose client left") {
    Talker& client = scene.ask(completions(true));
    REQUIRE(scene.asked());
    scene.provider[0].send(kStreamHead + chunk(delta("a") + delta("b")));
    REQUIRE(scene.heard(client, "\"b\""));
    client.reset();
    scene.settle();
    const std::vector<Record> records = scene.records();
    REQUIRE(records.size() == 2);
    CHECK(records[1].status == 499);
    CHECK(records[1].tokens[static_cast<std::size_t>(TokenClass::output)] == 2);
    CHECK((records[1].flags & record_flag::kUsageEstimated) != 0);
  }
}

TEST_CASE("an answer costs what its provider says, else what its service tier makes of the price") {
  config::Snapshot snapshot = two_providers();
  snapshot.providers[0].price_as = "openai";
  snapshot.routes[0].targets[0].model = "gpt-4o";
  const auto priced = [&](bool stream,
                          bool translated,
                          const std::string& more,
                          const std::string& used) {
    TwoProviders scene(snapshot);
    scene.ask(translated ? messages(stream) : completions(stream));
    REQUIRE(scene.run_until(
        [&] { return scene.provider.count() == 1 && scene.provider[0].has("gpt-4o"); }));
    const std::string usage =
        R"("usage":{"prompt_tokens":1000,"completion_tokens":100)" + used + "}" + more + "}";
    if (stream) {
      scene.provider[0].send(kStreamHead +
                             chunk(delta("a") + kFinishEvent + "data: {\"choices\":[]," + usage +
                                   "\n\n" + kDoneEvent) +
                             kLastChunk);
    } else {
      scene.provider[0].send(plain_answer(
          R"({"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},)"
          R"("finish_reason":"stop"}],)" +
          usage));
    }
    scene.settle();
    const std::vector<Record> records = scene.records();
    REQUIRE(records.size() == 2);
    CHECK(records[0].cost_picodollars == records[1].cost_picodollars);
    CHECK(records[0].flags == (records[0].flags | (records[1].flags & record_flag::kCostReported)));
    return records[1];
  };
  for (const bool stream : {false, true}) {
    for (const bool translated : {false, true}) {
      CAPTURE(stream);
      CAPTURE(translated);
      const Record usual = priced(stream, translated, "", "");
      REQUIRE(usual.cost_picodollars > 0);
      CHECK((usual.flags & record_flag::kCostUncertain) == 0);
      const Record flex = priced(stream, translated, R"(,"service_tier":"flex")", "");
      CHECK(2 * flex.cost_picodollars == usual.cost_picodollars);
      const Record unknown = priced(stream, translated, R"(,"service_tier":"scale")", "");
      CHECK(unknown.cost_picodollars == usual.cost_picodollars);
      CHECK((unknown.flags & record_flag::kCostUncertain) != 0);
      const Record told =
          priced(stream, translated, R"(,"service_tier":"flex")", R"(,"cost":0.75)");
      CHECK(told.cost_picodollars == 750'000'000'000);
      CHECK((told.flags & record_flag::kCostReported) != 0);
      CHECK(told.price_row == usual.price_row);
    }
  }
}

}  // namespace headrace::test
