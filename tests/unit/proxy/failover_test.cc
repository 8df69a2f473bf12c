// Goal: what a provider's failure leads to before the commit point, and that nothing leads anywhere
// behind it. Method: a worker with two providers in the simulated world, both scripted.
#include <doctest/doctest.h>

#include <string>

#include "two_providers.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;

base::Errc error_of(const Record& record) {
  return static_cast<base::Errc>(record.error);
}

}  // namespace

TEST_CASE("a status that another provider may do better with is tried there, unseen") {
  for (const int status : {401, 402, 403, 404, 408, 409, 429, 498, 500, 502, 503, 529}) {
    CAPTURE(status);
    TwoProviders scene;
    Talker& client = scene.ask(chat(false));
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer("{\"error\":{\"message\":\"no\"}}", status));
    REQUIRE(scene.asked_second());
    CHECK(client.heard.empty());
    CHECK(scene.second[0].has("authorization: Bearer key-two\r\n"));
    CHECK_FALSE(scene.second[0].has("key-one"));
    scene.second[0].send(plain_answer(kChatAnswer));
    REQUIRE(scene.heard(client, "Hello"));
    CHECK(client.has("x-headrace-attempts: 2\r\n"));
    CHECK(client.has("x-headrace-target: q\r\n"));
    CHECK(client.count("HTTP/1.1 ") == 1);
    CHECK_FALSE(client.has("x-should-retry"));
    const std::vector<Record> records = scene.records();
    REQUIRE(records.size() == 3);
    CHECK(error_of(records[0]) == base::Errc::upstream_status);
    CHECK(records[0].upstream_status == status);
    CHECK(records[0].target == 0);
    CHECK(records[1].target == 1);
    CHECK((records[1].flags & record_flag::kWon) != 0);
    CHECK((records[2].flags & record_flag::kRetried) != 0);
  }
}

TEST_CASE("the client's own faults go straight back") {
  for (const int status : {400, 413, 422, 418}) {
    CAPTURE(status);
    TwoProviders scene;
    Talker& client = scene.ask(chat(false));
    REQUIRE(scene.asked());
    const std::string body = "{ \"error\" : {\"message\":\"yours\"} }";
    scene.provider[0].send(plain_answer(body, status));
    REQUIRE(scene.heard(client, body));
    CHECK(client.heard.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
    CHECK(scene.second.count() == 0);
  }
}

TEST_CASE("whatever is no answer fails over: no connection, silence, pages, garbage") {
  struct Case {
    const char* what;
    std::string answer;
    bool closes;
  };
  const std::string stream_error = "data: {\"error\":{\"message\":\"no\",\"code\":500}}\n\n";
  for (const Case& each :
       {Case{"an end", "", true},
        Case{"an end in the head", "HTTP/1.1 200 OK\r\nconte", true},
        Case{"no HTTP", "220 smtp ready\r\n\r\n", false},
        Case{"a page", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>", false},
        Case{"nothing", plain_answer(""), false},
        Case{"half an object", plain_answer("{\"a\":"), false},
        Case{"an error inside", plain_answer("{\"error\":{\"message\":\"no\"}}"), false},
        Case{"a cut body", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", true},
        Case{"a redirect", "HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", false},
        Case{"an error event first", kStreamHead + chunk(kRoleEvent + stream_error), false},
        Case{"a stream of nothing", kStreamHead + chunk(kRoleEvent) + kLastChunk, false},
        Case{"a stream that is cut", kStreamHead + chunk(kRoleEvent), true}}) {
    CAPTURE(each.what);
    TwoProviders scene;
    Talker& client = scene.ask(chat(false));
    REQUIRE(scene.asked());
    scene.provider[0].send(each.answer);
    if (each.closes) scene.provider[0].close();
    REQUIRE(scene.asked_second());
    CHECK(client.heard.empty());
    scene.second[0].send(plain_answer(kChatAnswer));
    REQUIRE(scene.heard(client, "Hello"));
  }
}

TEST_CASE("a first token that does not come in time is waited for elsewhere") {
  config::Snapshot snapshot = two_providers();
  snapshot.routes[0].first_token_timeout = 300 * kMillisecond;
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(": ping\n\n" + kRoleEvent));
  REQUIRE(scene.asked_second());
  CHECK(scene.provider[0].ended);
  scene.second[0].send(kStreamHead + chunk(delta("b")));
  REQUIRE(scene.heard(client, "\"b\""));
  CHECK_FALSE(client.has("ping"));
}

TEST_CASE("behind the commit point nobody else is asked") {
  TwoProviders scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")));
  REQUIRE(scene.heard(client, "\"a\""));
  SUBCASE("when the connection ends") {
    scene.provider[0].close();
    REQUIRE(scene.heard(client, "upstream_disconnected"));
    CHECK(unchunk(body_of(client.heard)).complete);
  }
  SUBCASE("when the provider reports a failure: its own words, and no second error") {
    scene.provider[0].send(chunk("data: {\"error\":{\"message\":\"mid\"}}\n\n") + kLastChunk);
    REQUIRE(scene.heard(client, "mid"));
    scene.settle();
    CHECK(unchunk(body_of(client.heard)).complete);
    CHECK(client.count("\"error\"") == 1);
    const std::vector<Record> records = scene.records();
    REQUIRE(records.size() == 2);
    CHECK(error_of(records[1]) == base::Errc::upstream_status);
    CHECK((records[1].flags & record_flag::kTruncated) != 0);
  }
  CHECK_FALSE(client.has("[DONE]"));
  CHECK(scene.second.count() == 0);
}

TEST_CASE("when nobody is left, the last one's failure is told") {
  struct Case {
    int status;
    int told;
    const char* code;
  };
  for (const Case& each : {Case{401, 502, "upstream_authentication"},
                           Case{402, 402, "insufficient_quota"},
                           Case{404, 404, "model_not_found"},
                           Case{429, 429, "rate_limit_exceeded"},
                           Case{500, 500, "null"},
                           Case{503, 503, "overloaded"},
                           Case{529, 503, "overloaded"}}) {
    CAPTURE(each.status);
    TwoProviders scene;
    Talker& client = scene.ask(chat(false));
    REQUIRE(scene.asked());
    const std::string body = "{\"error\":{\"message\":\"about key-one\"}}";
    scene.provider[0].send(plain_answer(body, each.status, "x-should-retry: false\r\n"));
    REQUIRE(scene.asked_second());
    scene.second[0].send(plain_answer("{}", each.status, "x-should-retry: false\r\n"));
    REQUIRE(scene.heard(client, "\"error\""));
    CHECK(client.heard.starts_with("HTTP/1.1 " + std::to_string(each.told) + " "));
    CHECK(client.has(std::string("\"code\":") + (each.code == std::string("null")
                                                     ? "null"
                                                     : "\"" + std::string(each.code) + "\"")));
    CHECK(client.count("x-should-retry: false\r\n") == 1);
    CHECK_FALSE(client.has("key-one"));
  }
}

TEST_CASE("a provider that quotes our key back is not quoted") {
  for (const int status : {400, 500}) {
    config::Snapshot snapshot = two_providers();
    snapshot.routes[0].targets.resize(1);
    TwoProviders scene(snapshot);
    Talker& client = scene.ask(chat(false));
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer("{\"error\":{\"message\":\"wrong: key-one\"}}", status));
    REQUIRE(scene.heard(client, "\"error\""));
    CHECK_FALSE(client.has("key-one"));
  }
}

TEST_CASE("of several credentials the next one is asked, and the broken one rests") {
  config::Snapshot snapshot = two_providers();
  snapshot.routes[0].targets.resize(1);
  snapshot.providers[0].credentials.push_back({.name = "k3", .api_key = "key-three", .weight = 1});
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  const bool first = scene.provider[0].has("key-one");
  const std::string good = first ? "key-three" : "key-one";
  scene.provider[0].send(plain_answer("{}", 401));
  REQUIRE(scene.run_until([&] { return scene.provider[0].has(good); }));
  scene.provider[0].send(plain_answer(kChatAnswer));
  REQUIRE(scene.heard(client, "Hello"));
  for (int i = 2; i < 8; ++i) {
    client.send(chat(false));
    REQUIRE(scene.run_until(
        [&] { return scene.provider[0].count(good) == static_cast<std::size_t>(i); }));
    scene.provider[0].send(plain_answer(kChatAnswer));
    REQUIRE(scene.run_until([&] { return client.count("Hello") == static_cast<std::size_t>(i); }));
  }
}

TEST_CASE("a client that leaves while everybody asks for patience leaves nothing behind") {
  config::Snapshot snapshot = two_providers();
  snapshot.routes[0].targets.resize(1);
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}", 429, "retry-after: 20\r\n"));
  scene.run_for(kSecond);
  client.reset();
  scene.run_for(30 * kSecond);
  CHECK(scene.provider[0].count("POST") == 1);
  const std::vector<Record> records = scene.records();
  REQUIRE(records.size() == 2);
  CHECK(records[1].status == 499);
}

TEST_CASE("the deadline ends a wait that others would go on with") {
  config::Snapshot snapshot = two_providers();
  snapshot.routes[0].targets.resize(1);
  snapshot.routes[0].total_timeout = 5 * kSecond;
  TwoProviders scene(snapshot);
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  SUBCASE("patience that does not fit is not begun") {
    scene.provider[0].send(plain_answer("{}", 429, "retry-after: 20\r\n"));
    REQUIRE(scene.heard(client, "HTTP/1.1 429 "));
    CHECK(client.has("retry-after: 20\r\n"));
  }
  SUBCASE("an answer that does not come is a timeout") {
    REQUIRE(scene.run_until([&] { return client.has("HTTP/1.1 504 "); }, 6 * kSecond));
    CHECK(client.has("deadline_exceeded"));
  }
}

}  // namespace headrace::test
