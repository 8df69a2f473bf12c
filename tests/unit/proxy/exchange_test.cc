// Goal: the story of a request and everything that may happen to it: the commit point, retries,
// deadlines, a client that leaves in any phase, the drain. Method: a whole worker in the simulated
// world, client and provider scripted.
#include "proxy/exchange.h"

#include <doctest/doctest.h>

#include <string>

#include "gateway_scene.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;
using server::Worker;

config::Snapshot with_route(const std::function<void(config::Route&)>& change) {
  config::Snapshot snapshot = one_provider();
  change(snapshot.routes.front());
  return snapshot;
}

}  // namespace

TEST_CASE("what goes to the provider is a head of our own and the body as it came") {
  config::Snapshot snapshot = one_provider();
  snapshot.providers[0].api_key = "secret";
  GatewayScene scene(snapshot);
  const std::string body = R"({ "model" : "m" , "x":[1.0e5] })";
  scene.ask(
      "POST /v1/chat/completions?beta=1 HTTP/1.1\r\nhost: h\r\nauthorization: Bearer client\r\n"
      "cookie: c\r\nOpenAI-Beta: b1\r\ncontent-length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  REQUIRE(scene.asked());
  const std::string& heard = scene.provider[0].heard;
  CHECK(heard.starts_with("POST /v1/chat/completions HTTP/1.1\r\nhost: 10.0.0.2\r\n"));
  CHECK(body_of(heard) == body);
  CHECK(scene.provider[0].has("authorization: Bearer secret\r\n"));
  CHECK(scene.provider[0].has("openai-beta: b1\r\n"));
  CHECK(scene.provider[0].has("accept: application/json\r\n"));
  CHECK_FALSE(scene.provider[0].has("client"));
  CHECK_FALSE(scene.provider[0].has("cookie"));
}

TEST_CASE(
    "a request whose head does not fit before its body goes out all the same, with the longest "
    "key") {
  config::Snapshot snapshot = one_provider();
  snapshot.providers[0].api_key = std::string(base::limits::kApiKeyBytes, 'k');
  GatewayScene scene(snapshot);
  scene.ask(chat(false, "openai-project: " + std::string(1900, 'p') + "\r\n"));
  REQUIRE(scene.asked());
  CHECK(body_of(scene.provider[0].heard) == R"({"model":"m"})");
}

TEST_CASE("a plain answer is held until it is whole and then says its length") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send(
      "HTTP/1.1 200 OK\r\nserver: s\r\nset-cookie: c\r\nx-request-id: r1\r\n"
      "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n" +
      chunk("{\"a\":"));
  scene.settle();
  CHECK(client.heard.empty());
  scene.provider[0].send(chunk("1}") + kLastChunk);
  REQUIRE(scene.heard(client, "\r\n\r\n"));
  CHECK(body_of(client.heard) == "{\"a\":1}");
  CHECK(client.has("content-length: 7\r\n"));
  CHECK(client.has("x-request-id: r1\r\n"));
  CHECK(client.has("x-headrace-target: p\r\n"));
  CHECK_FALSE(client.has("server: s"));
  CHECK_FALSE(client.has("set-cookie"));
  CHECK_FALSE(client.has("transfer-encoding"));
}

TEST_CASE("what is the client's own fault comes back in the provider's own words, byte for byte") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{ \"error\":\"no such field\" }", 422));
  REQUIRE(scene.heard(client, "{ \"error\":\"no such field\" }"));
  CHECK(client.heard.starts_with("HTTP/1.1 422 "));
  CHECK(client.has("x-should-retry: false\r\n"));
}

TEST_CASE("a refusal that nobody else can mend is told in the provider's words, in one shape") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer(
      "{\"error\":\"slow down\"}", 429, "retry-after: 7\r\nx-should-retry: false\r\n"));
  REQUIRE(scene.heard(client, "slow down"));
  CHECK(client.heard.starts_with("HTTP/1.1 429 "));
  CHECK(client.has("retry-after: 7\r\n"));
  CHECK(client.has("\"type\":\"rate_limit_error\""));
  CHECK(client.count("x-should-retry: false\r\n") == 1);
}

TEST_CASE("a provider that asks for patience gets it, where the deadline allows") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}", 429, "retry-after: 7\r\n"));
  scene.run_for(6 * kSecond);
  CHECK(scene.provider[0].count("POST") == 1);
  scene.run_for(2 * kSecond);
  REQUIRE(scene.asked(0, 2));
  scene.provider[0].send(plain_answer("{\"a\":1}"));
  REQUIRE(scene.heard(client, "{\"a\":1}"));
  CHECK(client.heard.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("nothing of a stream is seen before its first useful event") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(": ping\n\n") + chunk(kRoleEvent));
  scene.settle();
  CHECK(client.heard.empty());
  scene.provider[0].send(chunk(delta("a")));
  REQUIRE(scene.heard(client, "\"a\""));
  CHECK(unchunk(body_of(client.heard)).payload == ": ping\n\n" + kRoleEvent + delta("a"));
}

TEST_CASE("an event leaves in the turn in which its last byte came") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")));
  REQUIRE(scene.heard(client, "\"a\""));
  scene.settle();
  for (int i = 0; i < 10; ++i) {
    scene.provider[0].send(chunk(delta("b")));
    scene.settle();
    CHECK(client.turn_offered(client.received()) ==
          scene.provider[0].turn_read(scene.provider[0].sent() - 2));
  }
}

TEST_CASE("a full hold commits") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  std::string held;
  while (held.size() < base::limits::kHoldBytes + 10'000) held += kRoleEvent;
  scene.provider[0].send(kStreamHead + chunk(held));
  CHECK(scene.heard(client, "assistant"));
  scene.settle();
  CHECK(scene.tally().holds_full == 1);
}

TEST_CASE("a stream that ends without one useful event is no answer") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(kRoleEvent) + kLastChunk);
  REQUIRE(scene.heard(client, "\"error\""));
  CHECK(client.heard.starts_with("HTTP/1.1 502 "));
  CHECK(client.has("\"code\":\"upstream_truncated\""));
  CHECK_FALSE(client.has("assistant"));
}

TEST_CASE("a stream that breaks ends in an error event, and its client's connection lives on") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")) + chunk(delta("b").substr(0, 20)));
  REQUIRE(scene.heard(client, "\"a\""));
  SUBCASE("by an orderly end of the connection") {
    scene.provider[0].close();
  }
  SUBCASE("by a reset") {
    scene.provider[0].reset();
  }
  SUBCASE("by broken framing") {
    scene.provider[0].send("zz\r\n");
  }
  SUBCASE("by a last chunk without an end marker") {
    scene.provider[0].send(kLastChunk);
  }
  REQUIRE(scene.heard(client, "\"error\""));
  scene.settle();
  const Unchunked body = unchunk(body_of(client.heard));
  CHECK(body.complete);
  CHECK(body.payload.starts_with(delta("a") + "data: {\"error\""));
  CHECK(client.has("\"code\":\"upstream_"));
  CHECK_FALSE(client.has("[DONE]"));
  client.send(chat());
  CHECK(scene.run_until(
      [&] { return scene.provider[0].count("POST") == 2 || scene.provider.count() == 2; }));
}

TEST_CASE("a stream that said it was finished is whole, however its connection ends") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")) + chunk(kFinishEvent + kDoneEvent));
  REQUIRE(scene.heard(client, "[DONE]"));
  SUBCASE("orderly") {
    scene.provider[0].close();
  }
  SUBCASE("by a reset") {
    scene.provider[0].reset();
  }
  scene.settle();
  CHECK(unchunk(body_of(client.heard)).complete);
  CHECK_FALSE(client.has("error"));
}

TEST_CASE("a redirect is neither followed nor passed on") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(
      "HTTP/1.1 307 X\r\nlocation: http://10.0.0.2/elsewhere\r\ncontent-length: 0\r\n\r\n");
  REQUIRE(scene.heard(client, "\"code\":\"upstream_redirect\""));
  CHECK(client.heard.starts_with("HTTP/1.1 502 "));
  CHECK_FALSE(client.has("location"));
  scene.settle();
  CHECK(scene.provider.count() == 1);
  CHECK(scene.provider[0].ended);
}

TEST_CASE("a stale connection costs one retry that the client does not notice") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{\"a\":1}"));
  REQUIRE(scene.heard(client, "\r\n\r\n{\"a\":1}"));
  client.send(chat(false));
  REQUIRE(scene.asked(0, 2));
  scene.provider[0].reset();
  REQUIRE(scene.asked(1));
  SUBCASE("which may be answered") {
    scene.provider[1].send(plain_answer("{\"a\":2}"));
    REQUIRE(scene.heard(client, "\r\n\r\n{\"a\":2}"));
    CHECK(client.count("HTTP/1.1 200 OK") == 2);
    CHECK(client.has("x-headrace-attempts: 2\r\n"));
  }
  SUBCASE("and only one: the fresh connection's end is told") {
    scene.provider[1].close();
    REQUIRE(scene.heard(client, "\"error\""));
    CHECK(client.has("HTTP/1.1 502 "));
    CHECK(client.has("x-should-retry: false\r\n"));
    CHECK(scene.provider.count() == 2);
  }
  CHECK(scene.tally().stale_retries == 1);
}

TEST_CASE("a retry on a fresh connection passes every pooled one by") {
  GatewayScene scene;
  for (int i = 0; i < 3; ++i) scene.ask(chat(false));
  REQUIRE(scene.asked(2));
  for (std::size_t i = 0; i < 3; ++i) scene.provider[i].send(plain_answer("{\"a\":1}"));
  scene.settle();
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.run_until([&] {
    return scene.provider[0].count("POST") + scene.provider[1].count("POST") +
               scene.provider[2].count("POST") ==
           4;
  }));
  for (std::size_t i = 0; i < 3; ++i) {
    if (scene.provider[i].count("POST") == 2) scene.provider[i].reset();
  }
  REQUIRE(scene.asked(3));
  scene.provider[3].send(plain_answer("{\"a\":2}"));
  CHECK(scene.heard(client, "\r\n\r\n{\"a\":2}"));
}

TEST_CASE("a provider that cannot be reached is told with its cause") {
  SUBCASE("it refuses") {
    GatewayScene scene;
    scene.provider.set_mode(sim::SimListenerPeer::Mode::refuses);
    Talker& client = scene.ask(chat());
    REQUIRE(scene.heard(client, "\"code\":\"upstream_connect_failed\""));
    CHECK(client.heard.starts_with("HTTP/1.1 502 "));
    client.send(chat());
    CHECK(scene.run_until([&] { return client.count("HTTP/1.1 502 ") == 2; }));
  }
  SUBCASE("it does not answer") {
    GatewayScene scene;
    scene.provider.set_mode(sim::SimListenerPeer::Mode::black_hole);
    Talker& client = scene.ask(chat());
    scene.run_for(base::limits::kConnectTimeout - 10 * kMillisecond);
    CHECK(client.heard.empty());
    REQUIRE(scene.heard(client, "\"code\":\"upstream_connect_timeout\""));
    CHECK(client.heard.starts_with("HTTP/1.1 504 "));
  }
  SUBCASE("its name is not resolved") {
    config::Snapshot snapshot = one_provider();
    snapshot.providers[0].addresses.clear();
    GatewayScene scene(snapshot);
    Talker& client = scene.ask(chat());
    REQUIRE(scene.heard(client, "\"code\":\"upstream_resolve_failed\""));
  }
  SUBCASE("we have no descriptors left") {
    GatewayScene scene;
    scene.net.faults().connect_no_files = 1;
    Talker& client = scene.ask(chat());
    REQUIRE(scene.heard(client, "HTTP/1.1 503 "));
    CHECK(client.has("retry-after: 1\r\n"));
    scene.settle();
    const std::vector<Record> records = scene.records();
    REQUIRE(records.size() == 2);
    CHECK(records[1].attempts == 1);  // however often it looked for one
  }
  SUBCASE("we have no descriptors for a moment") {
    GatewayScene scene;
    scene.net.faults().connect_no_files = 1;
    Talker& client = scene.ask(chat(false));
    scene.run_for(base::limits::kFilesPatience - 10 * kMillisecond);
    CHECK(client.heard.empty());
    scene.net.faults().connect_no_files = 0;
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer("{\"a\":1}"));
    REQUIRE(scene.heard(client, "{\"a\":1}"));
    CHECK(client.heard.starts_with("HTTP/1.1 200 "));
  }
  SUBCASE("the client leaves while there are no descriptors") {
    GatewayScene scene;
    scene.net.faults().connect_no_files = 1;
    Talker& client = scene.ask(chat());
    scene.run_for(10 * kMillisecond);
    client.close();
    scene.settle();
    scene.net.faults().connect_no_files = 0;
    scene.run_for(base::limits::kFilesPatience);
    CHECK(scene.provider.count() == 0);
  }
}

TEST_CASE("every deadline of a route ends the attempt and is told by its name") {
  SUBCASE("no first token in time, whatever else comes") {
    GatewayScene scene(with_route([](config::Route& r) { r.first_token_timeout = 2 * kSecond; }));
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    scene.provider[0].send(kStreamHead);
    for (int i = 0; i < 15; ++i) {
      scene.run_for(100 * kMillisecond);
      scene.provider[0].send(chunk(": ping\n\n"));
    }
    CHECK(client.heard.empty());
    REQUIRE(scene.heard(client, "\"code\":\"first_token_timeout\""));
    CHECK(client.heard.starts_with("HTTP/1.1 504 "));
    scene.settle();
    CHECK(scene.provider[0].ended);
  }
  SUBCASE("silence in the middle") {
    GatewayScene scene(with_route([](config::Route& r) { r.idle_timeout = 2 * kSecond; }));
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    scene.provider[0].send(kStreamHead + chunk(delta("a")));
    for (int i = 0; i < 3; ++i) {
      scene.run_for(1900 * kMillisecond);
      scene.provider[0].send(chunk(delta("b")));
    }
    scene.settle();
    CHECK_FALSE(client.has("error"));
    REQUIRE(scene.heard(client, "\"error\""));
    scene.settle();
    CHECK(unchunk(body_of(client.heard)).complete);
  }
  SUBCASE("the request's own") {
    GatewayScene scene(with_route([](config::Route& r) { r.total_timeout = 3 * kSecond; }));
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    scene.provider[0].send(kStreamHead);
    for (int i = 0; i < 29; ++i) {
      scene.provider[0].send(chunk(delta("b")));
      scene.run_for(100 * kMillisecond);
    }
    CHECK_FALSE(client.has("error"));
    CHECK(scene.heard(client, "\"code\":\"deadline_exceeded\""));
  }
}

TEST_CASE("a client that does not read is no silence of the provider") {
  GatewayScene scene(with_route([](config::Route& r) { r.idle_timeout = 2 * kSecond; }));
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  client.set_reading(false);
  std::string stream;
  while (stream.size() < 1'000'000) stream += chunk(delta(std::string(4000, 'x')));
  scene.provider[0].send(kStreamHead + stream + chunk(kFinishEvent + kDoneEvent) + kLastChunk);
  scene.run_for(10 * kSecond);
  client.set_reading(true);
  CHECK(scene.heard(client, "[DONE]"));
  CHECK_FALSE(client.has("error"));
}

TEST_CASE("a client that leaves cancels its attempt in the turn that sees it, in every phase") {
  GatewayScene scene;
  const auto leave = [&](Talker& client, bool reset) {
    if (reset) {
      client.reset();
    } else {
      client.close();
    }
    scene.settle();
    CHECK(scene.worker->clients() == 0);
    CHECK(scene.worker->shop().exchanges.in_use() == 0);
  };
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    const std::size_t before = scene.provider.count();
    {  // in the head, in the body
      leave(scene.ask("POST /v1"), reset);
      Talker& client = scene.ask(chat().substr(0, chat().size() - 3));
      scene.settle();
      leave(client, reset);
      CHECK(scene.provider.count() == before);
    }
    {  // while connecting
      scene.provider.set_mode(sim::SimListenerPeer::Mode::black_hole);
      Talker& client = scene.ask(chat());
      scene.settle();
      leave(client, reset);
      scene.provider.set_mode(sim::SimListenerPeer::Mode::answers);
    }
    for (const std::string& so_far :
         {std::string(), kStreamHead, kStreamHead + chunk(delta("a"))}) {
      Talker& client = scene.ask(chat());
      const std::size_t mine = scene.provider.count();
      REQUIRE(scene.asked(mine));
      scene.provider[mine].send(so_far);
      scene.settle();
      leave(client, reset);
      CHECK(scene.provider[mine].ended);
    }
  }
  CHECK(scene.tally().cancels == 8);
}

TEST_CASE("a request that ends here is answered in the client's words") {
  GatewayScene scene;
  const auto post = [&](std::string_view body) {
    Talker& client = scene.ask("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
    CHECK(scene.heard(client, "\"error\""));
    client.close();
    return client.heard;
  };
  CHECK(post("{").starts_with("HTTP/1.1 400 "));
  CHECK(post("{\"model\":7}").find("\"param\":\"model\"") != std::string::npos);
  CHECK(post("{\"model\":\"unknown\"}").starts_with("HTTP/1.1 404 "));
  CHECK(post("{\"model\":\"unknown\"}").find("\"code\":\"model_not_found\"") != std::string::npos);
  CHECK(scene.provider.count() == 0);
}

TEST_CASE("a request that ends here leaves its connection open when its end is known") {
  GatewayScene scene;
  Talker& client =
      scene.ask("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n{");
  REQUIRE(scene.heard(client, "HTTP/1.1 400 "));
  client.send(chat(false));
  CHECK(scene.asked());
}

TEST_CASE("a drain lets what runs finish, closes what idles and takes nothing new") {
  GatewayScene scene;
  Talker& busy = scene.ask(chat());
  Talker& idle = scene.ask("GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n");
  REQUIRE(scene.asked());
  REQUIRE(scene.heard(idle, "]}"));
  scene.provider[0].send(kStreamHead + chunk(delta("a")));
  REQUIRE(scene.heard(busy, "\"a\""));
  scene.worker->move_to(Worker::Stage::draining);
  CHECK(scene.run_until([&] { return idle.saw_eof(); }));
  Talker& late = scene.dial();
  CHECK(scene.run_until([&] { return late.refused; }));
  scene.run_for(kSecond);
  CHECK_FALSE(busy.ended);
  CHECK_FALSE(scene.worker->drained());
  const std::string end = chunk(kFinishEvent + kDoneEvent) + kLastChunk;
  SUBCASE("the last answer ends its connection, though it had promised to keep it") {
    scene.provider[0].send(end);
    CHECK(scene.run_until([&] { return busy.saw_eof(); }));
    CHECK(unchunk(body_of(busy.heard)).complete);
    busy.close();
    CHECK(scene.run_until([&] { return scene.worker->drained(); }));
  }
  SUBCASE("a request sent ahead is told") {
    busy.send(chat());
    scene.settle();
    scene.provider[0].send(end);
    CHECK(scene.run_until([&] { return busy.saw_eof(); }));
    CHECK(busy.has("HTTP/1.1 503 "));
    CHECK(scene.provider[0].count("POST") == 1);
  }
}

TEST_CASE("the end of a drain tells everything that runs") {
  GatewayScene scene;
  Talker& streaming = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")));
  Talker& waiting = scene.ask(chat());
  REQUIRE(scene.asked(1));
  Talker& asking = scene.ask("POST /v1/ch");
  scene.settle();
  scene.worker->move_to(Worker::Stage::ending);
  CHECK(scene.run_until([&] { return streaming.ended && waiting.ended && asking.ended; }));
  CHECK(streaming.has("\"code\":\"draining\""));
  CHECK(unchunk(body_of(streaming.heard)).complete);
  CHECK(waiting.heard.starts_with("HTTP/1.1 503 "));
  CHECK(waiting.has("retry-after: 1\r\n"));
  CHECK(asking.heard.starts_with("HTTP/1.1 503 "));
  CHECK(scene.provider[0].ended);
  CHECK(scene.provider[1].ended);
}

}  // namespace headrace::test

namespace headrace::test {

TEST_CASE(
    "the answer to HEAD ends with its head, and the next request is not mistaken for its body") {
  GatewayScene scene;
  Talker& client = scene.ask(
      "HEAD /v1/models HTTP/1.1\r\nhost: h\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n");
  REQUIRE(scene.heard(client, "{\"object\":\"list\""));
  const std::size_t second = client.heard.find("HTTP/1.1 200", 1);
  REQUIRE(second != std::string::npos);
  const std::string first = client.heard.substr(0, second);
  CHECK(first.ends_with("\r\n\r\n"));
  CHECK(first.find("content-length: ") != std::string::npos);
  CHECK(first.find('{') == std::string::npos);
}

}  // namespace headrace::test
