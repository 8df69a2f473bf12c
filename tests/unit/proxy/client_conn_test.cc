// Goal: what a client sees of a connection: order, framing, limits in time and size, and the three
// ways to end. Method: a whole worker in the simulated world; the client and the provider do what
// the test says.
#include "proxy/client_conn.h"

#include <doctest/doctest.h>

#include <string>

#include "gateway_scene.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;

const std::string kModels = "GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n";

config::Snapshot with_limits(const config::Limits& limits) {
  config::Snapshot snapshot = one_provider();
  snapshot.limits = limits;
  return snapshot;
}

std::string post_head(std::string_view fields) {
  return "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\n" + std::string(fields) + "\r\n";
}

}  // namespace

TEST_CASE("a request without a body leaves the connection ready for the next") {
  GatewayScene scene;
  Talker& client = scene.ask(kModels);
  CHECK(scene.heard(client, "]}"));
  client.send(kModels);
  CHECK(scene.run_until([&] { return client.count("HTTP/1.1 200 OK") == 2; }));
  client.send(chat(false));
  CHECK(scene.asked());
}

TEST_CASE("requests without bodies that come in one piece are answered in order") {
  GatewayScene scene;
  Talker& client = scene.ask(kModels + "GET /v1/models/m HTTP/1.1\r\nhost: h\r\n\r\n" + kModels);
  CHECK(scene.run_until([&] { return client.count("HTTP/1.1 200 OK") == 3; }));
  CHECK(client.count("\"object\":\"list\"") == 2);
}

TEST_CASE("what follows the last request of a connection is dropped") {
  GatewayScene scene;
  std::string request = kModels;
  request.insert(request.size() - 2, "connection: close\r\n");
  SUBCASE("behind a request without a body") {}
  SUBCASE("behind one whose body is no JSON") {
    request = post_head("connection: close\r\ncontent-length: 1\r\n") + "x";
  }
  Talker& client = scene.ask(request + kModels + kModels);
  CHECK(scene.run_until([&] { return client.ended; }));
  CHECK(client.count("HTTP/1.1 ") == 1);
}

TEST_CASE(
    "pipelined requests are answered in order, and the second starts when the first has ended") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false) + chat(false) + kModels);
  REQUIRE(scene.asked());
  scene.settle();
  CHECK(scene.provider.count() == 1);
  CHECK(scene.provider[0].count("POST ") == 1);
  scene.provider[0].send(plain_answer("{\"first\":1}"));
  CHECK(scene.asked(0, 2));
  scene.provider[0].send(plain_answer("{\"second\":1}"));
  CHECK(scene.heard(client, "\"list\""));
  CHECK(client.heard.find("first") < client.heard.find("second"));
  CHECK(client.heard.find("second") < client.heard.find("list"));
}

TEST_CASE("a client that sends far ahead is not read any further") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  std::string many;
  while (many.size() < 1'000'000) many += kModels;
  client.send(many);
  scene.run_for(100 * kMillisecond);
  CHECK(scene.io.counters().received_bytes < 2 * base::limits::kPipelinedBytes);
  scene.provider[0].send(plain_answer("1"));
  CHECK(scene.run_until(
      [&] { return client.count("HTTP/1.1 ") == 1 + many.size() / kModels.size(); }));
}

TEST_CASE(
    "a client that expects 100 gets it before its body is read, and only where a body follows") {
  GatewayScene scene;
  SUBCASE("an acceptable head") {
    Talker& client = scene.ask(post_head("expect: 100-continue\r\ncontent-length: 13\r\n"));
    CHECK(scene.heard(client, "HTTP/1.1 100 Continue\r\n\r\n"));
    client.send(R"({"model":"m"})");
    CHECK(scene.asked());
  }
  SUBCASE("a refused one") {
    Talker& client = scene.ask(
        "POST /nowhere HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n"
        "content-length: 13\r\n\r\n");
    CHECK(scene.run_until([&] { return client.ended; }));
    CHECK(client.heard.starts_with("HTTP/1.1 404 "));
    CHECK_FALSE(client.has("100 Continue"));
  }
}

TEST_CASE("a body in chunks is put together, however it is cut") {
  const std::string request = post_head("transfer-encoding: chunked\r\n") + chunk(R"({"mod)") +
                              chunk(R"(el":"m"})") + kLastChunk;
  for (std::size_t cut = 1; cut < request.size(); cut += 3) {
    CAPTURE(cut);
    GatewayScene scene;
    Talker& client = scene.ask(request.substr(0, cut));
    scene.settle();
    client.send(request.substr(cut));
    REQUIRE(scene.asked());
    CHECK(scene.provider[0].heard.ends_with("content-length: 13\r\n\r\n{\"model\":\"m\"}"));
  }
}

TEST_CASE("a body above the limit is refused") {
  config::Limits limits;
  limits.body_bytes = 100;
  GatewayScene scene(with_limits(limits));
  SUBCASE("by its declared length, before any of it is read") {
    Talker& client = scene.ask(post_head("content-length: 101\r\n"));
    CHECK(scene.run_until([&] { return client.ended; }));
    CHECK(client.heard.starts_with("HTTP/1.1 413 "));
  }
  SUBCASE("at the byte, when it comes in chunks") {
    Talker& client =
        scene.ask(post_head("transfer-encoding: chunked\r\n") + chunk(std::string(100, ' ')));
    scene.settle();
    CHECK(client.heard.empty());
    client.send(chunk("x"));
    CHECK(scene.run_until([&] { return client.ended; }));
    CHECK(client.heard.starts_with("HTTP/1.1 413 "));
  }
  CHECK(scene.provider.count() == 0);
}

TEST_CASE("the answer says how long an idle connection is kept, and so long it is") {
  config::Limits limits;
  limits.keep_alive_timeout = 7 * kSecond;
  GatewayScene scene(with_limits(limits));
  Talker& client = scene.ask(kModels);
  REQUIRE(scene.heard(client, "]}"));
  CHECK(client.has("keep-alive: timeout=7\r\n"));
  scene.run_for(6900 * kMillisecond);
  CHECK_FALSE(client.ended);
  scene.run_for(200 * kMillisecond);
  CHECK(client.saw_eof());
}

TEST_CASE("a connection that never asks is closed without a word") {
  config::Limits limits;
  limits.keep_alive_timeout = 5 * kSecond;
  GatewayScene scene(with_limits(limits));
  Talker& client = scene.dial();
  CHECK(scene.run_until([&] { return client.ended; }, 6 * kSecond));
  CHECK(client.heard.empty());
}

TEST_CASE("a head that does not get whole in time is answered 408") {
  GatewayScene scene;
  Talker& client = scene.ask("POST /v1/chat");
  scene.run_for(base::limits::kHeadTimeout - 100 * kMillisecond);
  CHECK(client.heard.empty());
  client.send("/comp");  // a byte now and then does not help
  CHECK(scene.run_until([&] { return client.ended; }));
  CHECK(client.heard.starts_with("HTTP/1.1 408 "));
}

TEST_CASE("a body below its rate is answered 408, one above it may take its time") {
  GatewayScene scene;
  Talker& client = scene.ask(post_head("content-length: 100000\r\n"));
  SUBCASE("too slow") {
    client.send("{");
    CHECK(scene.run_until([&] { return client.ended; }, base::limits::kBodyGrace + 3 * kSecond));
    CHECK(client.heard.starts_with("HTTP/1.1 408 "));
  }
  SUBCASE("fast enough") {
    for (int i = 0; i < 20; ++i) {
      client.send(std::string(2000, ' '));
      scene.run_for(kSecond);
    }
    CHECK(client.heard.empty());
    CHECK_FALSE(client.ended);
  }
}

TEST_CASE(
    "a client that takes nothing is cut after the write stall, one that reads slowly is not") {
  config::Limits limits;
  limits.write_stall_timeout = 3 * kSecond;
  GatewayScene scene(with_limits(limits));
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  client.set_reading(false);
  std::string stream = kStreamHead;
  while (stream.size() < 2'000'000) stream += chunk(delta(std::string(4000, 'x')));
  scene.provider[0].send(stream);
  for (int i = 0; i < 5; ++i) {
    scene.run_for(2 * kSecond);
    REQUIRE(client.read_some(100'000) != 0);
  }
  scene.settle();
  CHECK_FALSE(client.saw_reset());
  CHECK(scene.run_until([&] { return client.saw_reset(); }, 8 * kSecond));
  CHECK(scene.provider[0].ended);
}

TEST_CASE("a client that reads nothing costs a bounded buffer") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  client.set_reading(false);
  std::string stream = kStreamHead;
  while (stream.size() < 3'000'000) stream += chunk(delta(std::string(4000, 'x')));
  scene.provider[0].send(stream);
  scene.run_for(kSecond);
  const std::size_t held = scene.upstream_buffers.out() * scene.upstream_buffers.buffer_bytes();
  CHECK(held <= 256 * 1024);
  client.set_reading(true);
  scene.run_for(kSecond);
  CHECK(client.received() > 2'900'000);
}

TEST_CASE(
    "after a refusal the rest of the request is read and dropped, so that the answer arrives") {
  GatewayScene scene;
  Talker& client = scene.ask(post_head("content-length: 500000\r\ncontent-encoding: gzip\r\n"));
  REQUIRE(scene.heard(client, "\"error\""));
  CHECK(client.heard.starts_with("HTTP/1.1 415 "));
  CHECK(client.has("connection: close\r\n"));
  client.send(std::string(500'000, 'x'));
  scene.run_for(100 * kMillisecond);
  CHECK_FALSE(client.saw_reset());
  CHECK(client.saw_eof());
  client.close();
  CHECK(scene.run_until([&] { return scene.worker->clients() == 0; }, 100 * kMillisecond));
}

TEST_CASE("lingering is bounded in time and in bytes") {
  GatewayScene scene;
  Talker& client = scene.ask("BAD\r\n\r\n");
  REQUIRE(scene.run_until([&] { return client.saw_eof(); }));
  CHECK(scene.worker->clients() == 1);
  SUBCASE("in time") {
    scene.run_for(base::limits::kLingerTimeout + 100 * kMillisecond);
  }
  SUBCASE("in bytes") {
    client.send(std::string(2 * base::limits::kLingerBytes, 'x'));
    scene.run_for(100 * kMillisecond);
  }
  CHECK(scene.worker->clients() == 0);
}

TEST_CASE("a half-closed client has left, unless the listener says that this is no sign") {
  SUBCASE("cancel") {
    GatewayScene scene;
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    client.shutdown_write();
    CHECK(scene.run_until([&] { return scene.provider[0].ended; }, kMillisecond));
  }
  SUBCASE("ignore") {
    GatewayScene scene(one_provider(), config::HalfClose::ignore);
    Talker& client = scene.ask(chat(false));
    client.shutdown_write();
    REQUIRE(scene.asked());
    scene.settle();
    scene.provider[0].send(plain_answer("{}"));
    CHECK(scene.run_until([&] { return client.ended; }));
    CHECK(client.saw_eof());
    CHECK(body_of(client.heard) == "{}");
  }
}

TEST_CASE("a plain answer that breaks below its length is cut with a reset") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send("HTTP/1.1 200 OK\r\ncontent-length: 600000\r\n\r\n" +
                         std::string(300'000, 'x'));
  REQUIRE(scene.heard(client, "xxx"));
  CHECK(client.has("content-length: 600000\r\n"));
  scene.provider[0].close();
  CHECK(scene.run_until([&] { return client.ended; }));
  CHECK(client.saw_reset());
}

TEST_CASE("empty lines between requests are no request") {
  GatewayScene scene;
  Talker& client = scene.ask("\r\n" + kModels + "\r\n\r\n" + kModels);
  CHECK(scene.run_until([&] { return client.count("HTTP/1.1 200 OK") == 2; }));
  scene.settle();
  CHECK(client.count("HTTP/1.1 ") == 2);
}

}  // namespace headrace::test
