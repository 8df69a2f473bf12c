// Goal: one request over HTTP/2 is what it is over HTTP/1.1: its body, its limits, its answer,
// however it ends; and only its stream pays for it. Method: a whole worker in the simulated world,
// frames made by hand.
#include "proxy/h2_request.h"

#include <doctest/doctest.h>

#include <string>

#include "h2_talk.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;

config::Snapshot with_limits(const config::Limits& limits) {
  config::Snapshot snapshot = one_provider();
  snapshot.limits = limits;
  return snapshot;
}

std::string post_head(std::uint32_t id, const h2::FieldTexts& more = {}) {
  return h2::headers(id, h2_head("POST", "/v1/chat/completions", more), false);
}

// The connection still serves.
void check_alive(GatewayScene& scene, Talker& client, std::uint32_t id = 99) {
  client.send(h2_models(id));
  CHECK(ends_on(scene, client, id));
  CHECK(goaway_of(client) == -1);
}

}  // namespace

TEST_CASE("a body in frames is put together, with and without a length") {
  const std::string body = R"({"model":"m"})";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    for (const bool declared : {false, true}) {
      CAPTURE(cut);
      CAPTURE(declared);
      GatewayScene scene;
      const h2::FieldTexts length = {{"content-length", "13"}};
      Talker& client = scene.ask(h2_hello() + post_head(1, declared ? length : h2::FieldTexts{}) +
                                 h2::data(1, body.substr(0, cut), false));
      scene.settle();
      client.send(h2::data(1, body.substr(cut), true));
      REQUIRE(scene.asked());
      CHECK(scene.provider[0].heard.ends_with("content-length: 13\r\n\r\n" + body));
    }
  }
}

TEST_CASE("a body above the limit is refused, declared or not") {
  config::Limits limits;
  limits.body_bytes = 100;
  GatewayScene scene(with_limits(limits));
  Talker& client = scene.ask(h2_hello());
  SUBCASE("by its declared length") {
    client.send(post_head(1, {{"content-length", "101"}}));
  }
  SUBCASE("at the byte") {
    client.send(post_head(1) + h2::data(1, std::string(100, ' '), false));
    scene.settle();
    CHECK_FALSE(heard_on(client, 1).answered);
    client.send(h2::data(1, "x", false));
  }
  REQUIRE(ends_on(scene, client, 1));
  CHECK(heard_on(client, 1).payload.find("body_too_large") != std::string::npos);
  check_alive(scene, client);
}

TEST_CASE(
    "what follows behind an early answer is dropped for a while, then the stream is taken back") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + h2::headers(1, h2_head("POST", "/nowhere"), false));
  REQUIRE(ends_on(scene, client, 1));
  client.send(h2::data(1, std::string(1000, 'x'), false));
  SUBCASE("after some time") {
    scene.run_for(kSecond);
    CHECK(heard_on(client, 1).reset == -1);
    CHECK(scene.run_until([&] { return heard_on(client, 1).reset == 0; }));
    client.send(h2::data(1, std::string(1000, 'x'), false));
  }
  SUBCASE("after so many bytes") {
    for (int i = 0; i < 70; ++i) client.send(h2::data(1, std::string(16'000, 'x'), false));
    CHECK(scene.run_until([&] { return heard_on(client, 1).reset == 0; }, kSecond));
  }
  SUBCASE("never, when it ends") {
    client.send(h2::data(1, "", true));
    scene.run_for(3 * kSecond);
    CHECK(heard_on(client, 1).reset == -1);
    CHECK(scene.worker->shop().h2_requests.in_use() == 0);
  }
  check_alive(scene, client);
}

TEST_CASE("a client that expects 100 gets it, unless it is refused") {
  GatewayScene scene;
  const h2::FieldTexts expect = {{"expect", "100-continue"}};
  SUBCASE("an acceptable head") {
    Talker& client = scene.ask(h2_hello() + post_head(1, expect));
    REQUIRE(scene.run_until([&] { return heard_on(client, 1).answered; }));
    CHECK_FALSE(heard_on(client, 1).ended);
    client.send(h2::data(1, R"({"model":"m"})", true));
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer("{}"));
    REQUIRE(ends_on(scene, client, 1));
    CHECK(h2::count(h2::frames_of(client.heard), h2::kHeaders) == 2);
  }
  SUBCASE("a refused one") {
    Talker& client =
        scene.ask(h2_hello() + h2::headers(1, h2_head("POST", "/nowhere", expect), false));
    REQUIRE(ends_on(scene, client, 1));
    CHECK(h2::count(h2::frames_of(client.heard), h2::kHeaders) == 1);
  }
}

TEST_CASE("a body below its rate is answered 408, and costs its stream only") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + post_head(1) + h2::data(1, "{", false));
  scene.run_for(4 * kSecond);
  CHECK_FALSE(heard_on(client, 1).answered);
  REQUIRE(ends_on(scene, client, 1));
  CHECK(heard_on(client, 1).payload.find("request_timeout") != std::string::npos);
  CHECK(scene.run_until([&] { return heard_on(client, 1).reset == 0; }));
  check_alive(scene, client);
}

TEST_CASE("a malformed request costs its stream, and nothing reaches a provider") {
  GatewayScene scene;
  const std::string chat_path = "/v1/chat/completions";
  Talker& client = scene.ask(h2_hello());
  SUBCASE("its body is longer than its length") {
    client.send(h2_post(1, R"({"model":"m"})", {{"content-length", "12"}}));
  }
  SUBCASE("its body is shorter than its length") {
    client.send(h2_post(1, R"({"model":"m"})", {{"content-length", "14"}}));
  }
  SUBCASE("it speaks of transfer codings") {
    client.send(h2_post(1, R"({"model":"m"})", {{"te", "chunked"}}));
  }
  SUBCASE("it speaks of its connection") {
    client.send(h2_post(1, R"({"model":"m"})", {{"connection", "close"}}));
  }
  SUBCASE("a value holds a line end") {
    client.send(h2_post(1, R"({"model":"m"})", {{"x-a", "b\r\nc: d"}}));
  }
  SUBCASE("a pseudo field stands twice") {
    client.send(h2_post(1, R"({"model":"m"})", {{":path", chat_path}}));
  }
  SUBCASE("a name is in capitals") {
    client.send(h2_post(1, R"({"model":"m"})", {{"X-A", "b"}}));
  }
  REQUIRE(scene.run_until([&] { return heard_on(client, 1).reset == 1; }));
  CHECK(scene.provider.count() == 0);
  check_alive(scene, client);
}

TEST_CASE("a head that is understood and refused is answered in the client's words") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello());
  std::string code;
  SUBCASE("too many fields") {
    h2::FieldTexts many;
    for (int i = 0; i < 120; ++i) many.emplace_back("x-" + std::to_string(i), "1");
    client.send(h2::headers(1, h2_head("GET", "/v1/models", many), true));
    code = "head_too_large";
  }
  SUBCASE("a path with a blank") {
    client.send(h2::headers(1, h2_head("GET", "/v1/mo dels"), true));
    code = "bad_request";
  }
  SUBCASE("a long path") {
    client.send(h2::headers(1, h2_head("GET", "/" + std::string(9000, 'x')), true));
    code = "uri_too_long";
  }
  SUBCASE("no such path") {
    client.send(h2::headers(1, h2_head("GET", "/nowhere"), true));
    code = "unsupported_endpoint";
  }
  SUBCASE("a wrong method") {
    client.send(h2::headers(1, h2_head("DELETE", "/v1/models"), true));
    code = "method_not_allowed";
  }
  SUBCASE("no JSON") {
    client.send(h2_post(1, "{"));
    code = "bad_json";
  }
  REQUIRE(
      scene.run_until([&] { return heard_on(client, 1).ended || heard_on(client, 1).reset == 1; }));
  if (heard_on(client, 1).reset != 1) {  // nghttp2 knows some for malformed by itself
    CHECK(heard_on(client, 1).payload.find("\"error\"") != std::string::npos);
    CHECK(scene.records().size() == 1);
    INFO(heard_on(client, 1).payload);
    CHECK(heard_on(client, 1).payload.find(code) != std::string::npos);
  } else {
    CHECK(code == "bad_request");
  }
  check_alive(scene, client);
}

TEST_CASE("an answer without a body, and one to HEAD, end with nothing") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + h2::headers(1, h2_head("HEAD", "/v1/models"), true));
  REQUIRE(ends_on(scene, client, 1));
  CHECK(heard_on(client, 1).payload.empty());
  check_alive(scene, client);
}

TEST_CASE("a stream reaches the client in the turn in which it came, without a copy") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + h2_chat(1));
  REQUIRE(scene.asked());
  const std::uint64_t sends = scene.io.counters().sends;
  scene.provider[0].send(kStreamHead + chunk(kRoleEvent) + chunk(delta("a")) + chunk(delta("b")));
  const std::string expected = kRoleEvent + delta("a") + delta("b");
  REQUIRE(scene.run_until([&] { return heard_on(client, 1).payload == expected; }));
  CHECK(scene.tally().bytes_copied == 0);
  CHECK(scene.io.counters().sends == sends + 1);
  scene.provider[0].send(chunk(kFinishEvent) + chunk(kDoneEvent) + kLastChunk);
  REQUIRE(ends_on(scene, client, 1));
}

TEST_CASE("an answer that breaks off never looks complete") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello());
  SUBCASE("a stream ends in an error event") {
    client.send(h2_chat(1));
    REQUIRE(scene.asked());
    scene.provider[0].send(kStreamHead + chunk(kRoleEvent) + chunk(delta("a")));
    REQUIRE(scene.run_until([&] { return heard_on(client, 1).answered; }));
    scene.provider[0].close();
    REQUIRE(ends_on(scene, client, 1));
    CHECK(heard_on(client, 1).payload.find("upstream_disconnected") != std::string::npos);
  }
  SUBCASE("a plain one in a reset") {
    client.send(h2_chat(1, false));
    REQUIRE(scene.asked());
    scene.provider[0].send(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 700000\r\n\r\n" +
        std::string(400'000, ' '));
    REQUIRE(scene.run_until([&] { return heard_on(client, 1).answered; }));
    client.send(h2::window(0, 1'000'000) + h2::window(1, 1'000'000));
    scene.settle();
    scene.provider[0].close();
    REQUIRE(scene.run_until([&] { return heard_on(client, 1).reset == 2; }));
    CHECK_FALSE(heard_on(client, 1).ended);
  }
  check_alive(scene, client);
}

TEST_CASE("a client that gives no window holds up its stream, and costs a bounded buffer") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello({{4, 0}}) + h2_chat(1));
  REQUIRE(scene.asked());
  std::string all;
  scene.provider[0].send(kStreamHead);
  for (int i = 0; i < 60; ++i) {
    const std::string event = delta(std::string(20'000, 'x'));
    all += event;
    scene.provider[0].send(chunk(event));
  }
  all += kDoneEvent;
  scene.provider[0].send(chunk(kDoneEvent) + kLastChunk);
  scene.run_for(5 * kSecond);
  CHECK(heard_on(client, 1).payload.empty());
  CHECK(scene.io.counters().received_bytes < 300'000);
  client.send(h2_models(99) + h2::window(99, 1000));
  CHECK(ends_on(scene, client, 99));
  client.send(h2::window(1, 1000));
  CHECK(scene.run_until([&] { return heard_on(client, 1).payload.size() == 1000; }));
  client.send(h2::window(1, 2'000'000) + h2::window(0, 2'000'000));
  REQUIRE(ends_on(scene, client, 1));
  CHECK(heard_on(client, 1).payload == all);
}

TEST_CASE("a stream without progress is taken back after the write stall, and no other") {
  config::Limits limits;
  limits.write_stall_timeout = 3 * kSecond;
  GatewayScene scene(with_limits(limits));
  Talker& client = scene.ask(h2_hello({{4, 10}}) + h2_chat(1) + h2_chat(3));
  REQUIRE(scene.run_until([&] { return scene.provider.count() == 2; }));
  REQUIRE(scene.asked(1));
  for (const std::size_t i : {0, 1}) {
    scene.provider[i].send(kStreamHead + chunk(kRoleEvent) + chunk(delta("a")));
  }
  for (int i = 0; i < 8; ++i) {
    scene.run_for(kSecond);
    client.send(h2::window(3, 10));
  }
  CHECK(heard_on(client, 1).reset == 8);
  CHECK(scene.run_until([&] { return scene.provider[0].ended; }));
  CHECK(heard_on(client, 3).reset == -1);
  CHECK_FALSE(scene.provider[1].ended);
}

}  // namespace headrace::test
