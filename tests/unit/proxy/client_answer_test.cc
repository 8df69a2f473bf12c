// Goal: an answer is framed for the client's version, in place where there is room. Method: a whole
// worker in the simulated world; the client and the provider do what the test says.
#include <doctest/doctest.h>

#include <string>

#include "gateway_scene.h"

namespace headrace::test {

TEST_CASE("a stream reaches the client as chunks written in place, in one send without a copy") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(kRoleEvent) + chunk(delta("a")));
  REQUIRE(scene.heard(client, "\"a\""));
  CHECK(unchunk(body_of(client.heard)).payload == kRoleEvent + delta("a"));
  client.fresh();
  const std::uint64_t sends = scene.io.counters().sends;
  std::string burst;
  std::string payload;
  for (int i = 0; i < 12; ++i) {
    payload += delta(std::to_string(i));
    burst += chunk(delta(std::to_string(i)));
  }
  scene.provider[0].send(burst);
  REQUIRE(scene.heard(client, "\"11\""));
  CHECK(unchunk(client.fresh()).payload == payload);
  CHECK(scene.io.counters().sends == sends + 1);
  CHECK(scene.io.counters().coalesced_bytes == 0);
  CHECK(scene.tally().bytes_copied == 0);
  scene.provider[0].send(chunk(kFinishEvent) + chunk(kDoneEvent) + kLastChunk);
  scene.settle();
  CHECK(unchunk(body_of(client.heard)).complete);
}

TEST_CASE("the framing of a stream is right wherever the provider cuts it") {
  const std::string answer = kStreamHead + chunk(kRoleEvent) + chunk(delta("abc").substr(0, 30)) +
                             chunk(delta("abc").substr(30)) + chunk(kFinishEvent + kDoneEvent) +
                             kLastChunk;
  for (std::size_t cut = 1; cut < answer.size(); ++cut) {
    CAPTURE(cut);
    GatewayScene scene;
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    scene.provider[0].send(answer.substr(0, cut));
    scene.settle();
    scene.provider[0].send(answer.substr(cut));
    scene.settle();
    const Unchunked body = unchunk(body_of(client.heard));
    CHECK(body.complete);
    CHECK(body.payload == kRoleEvent + delta("abc") + kFinishEvent + kDoneEvent);
  }
}

TEST_CASE("an HTTP/1.0 client gets a stream bare, ended by the connection") {
  GatewayScene scene;
  std::string request = chat(true, "connection: keep-alive\r\n");
  request.replace(request.find("HTTP/1.1"), 8, "HTTP/1.0");
  Talker& client = scene.ask(request);
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a") + kFinishEvent + kDoneEvent) + kLastChunk);
  CHECK(scene.run_until([&] { return client.saw_eof(); }));
  CHECK_FALSE(client.has("transfer-encoding"));
  CHECK(client.has("connection: close\r\n"));
  CHECK(body_of(client.heard) == delta("a") + kFinishEvent + kDoneEvent);
}

TEST_CASE("an HTTP/1.0 client may keep its connection over a plain answer") {
  GatewayScene scene;
  std::string request = chat(false, "connection: keep-alive\r\n");
  request.replace(request.find("HTTP/1.1"), 8, "HTTP/1.0");
  Talker& client = scene.ask(request);
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}"));
  REQUIRE(scene.heard(client, "\r\n\r\n{}"));
  CHECK(client.has("connection: keep-alive\r\n"));
  client.send(request);
  CHECK(scene.asked(0, 2));
}

}  // namespace headrace::test
