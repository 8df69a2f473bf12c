// Goal: what an attempt tells its exchange, when, and what it lets pass of an answer's head.
// Method: one attempt over a pool in the simulated world, a scripted server, an owner and a sink
// that write down what they get.
#include "proxy/attempt.h"

#include <doctest/doctest.h>

#include <string>

#include "gateway_scene.h"
#include "proxy/client_conn.h"
#include "proxy/exchange.h"

namespace headrace::test {
namespace {

using base::kSecond;

class Sink final : public api::AnswerSink {
 public:
  void begin(const api::AnswerHead&, io::Slice first) override { text += first.view(); }
  void body(io::Slice piece) override { text += piece.view(); }
  void finish() override { finished = true; }
  void abort() override {}
  std::size_t queued_bytes() const override { return 0; }

  std::string text;
  bool finished = false;
};

class Owner final : public proxy::AttemptOwner {
 public:
  void on_attempt_ready(proxy::Attempt& attempt) override {
    ++ready;
    attempt.relay().commit({});
  }
  void on_attempt_progress(proxy::Attempt&) override { ++progress; }
  void on_attempt_end(proxy::Attempt& attempt) override {
    CHECK_FALSE(attempt.running());
    ended = true;
  }
  void on_attempt_refused(proxy::Attempt& attempt) override {
    CHECK(attempt.running());
    refused = std::string(attempt.relay().failure());
    attempt.stop();
  }
  void on_attempt_failed(proxy::Attempt& attempt, base::Error why) override {
    CHECK_FALSE(attempt.running());
    error = why;
  }

  int ready = 0;
  int progress = 0;
  bool ended = false;
  std::string refused;
  base::Error error;
};

struct Bench : SimStage {
  Bench() {
    ring.format(memory.bytes(), 1, 0);
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 80);
    endpoint.size = sizeof(sockaddr_in);
    pool.origin("o").set_endpoints({endpoint});
  }
  ~Bench() {
    attempt.stop();
    attempt.drop();
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  void start() {
    base::Result<upstream::UpstreamConn*> conn = pool.acquire(pool.origin("o"), kSecond, false);
    REQUIRE(conn.ok());
    aim.route = &route;
    aim.target_id = 5;
    if (aim.dialect == nullptr) aim.dialect = &dialect::openai_dialect();
    attempt.aim(aim);
    attempt.start(**conn, {io::Slice::borrowed("ask\n"), {}, {}});
    REQUIRE(run_until([&] { return server.count() != 0 && server[0].has("ask\n"); }));
  }
  void answer(std::string_view bytes) {
    server[0].send(bytes);
    settle();
  }

  House server{net, sim::SimNet::address(2, 80)};
  telemetry::RingMemory memory =
      std::move(telemetry::RingMemory::create(telemetry::RecordRing::bytes_for(1)).value());
  telemetry::RecordRing ring;
  upstream::Pool pool{io, {}};
  proxy::Workshop shop{io, pool, ring, 1, 0, 1};
  config::Route route;
  proxy::Attempt::Aim aim;
  Sink sink;
  Owner owner;
  proxy::Attempt attempt{shop, owner, sink};
};

}  // namespace

TEST_CASE("a stream's attempt is ready once, then reports progress, then its end") {
  Bench bench;
  bench.start();
  CHECK(bench.attempt.running());
  CHECK(bench.attempt.aimed().target_id == 5);
  bench.answer(kStreamHead + chunk(kRoleEvent));
  CHECK(bench.attempt.is_stream());
  CHECK(bench.owner.ready == 0);
  bench.answer(chunk(delta("a")));
  CHECK(bench.owner.ready == 1);
  CHECK(bench.owner.progress == 0);
  bench.answer(chunk(delta("b")));
  CHECK(bench.owner.progress == 1);
  bench.answer(chunk(kDoneEvent) + kLastChunk);
  CHECK(bench.owner.ended);
  CHECK(bench.owner.ready == 1);
  CHECK(bench.sink.text == kRoleEvent + delta("a") + delta("b") + kDoneEvent);
}

TEST_CASE("only a 200 with the right type is a stream") {
  Bench bench;
  bench.start();
  const std::string event = delta("a");
  SUBCASE("another type") {
    bench.answer(plain_answer(event));
  }
  SUBCASE("another status") {
    bench.answer("HTTP/1.1 500 X\r\ncontent-type: text/event-stream\r\ncontent-length: " +
                 std::to_string(event.size()) + "\r\n\r\n" + event);
  }
  CHECK_FALSE(bench.attempt.is_stream());
  CHECK(bench.owner.ready == 0);
  CHECK(bench.owner.ended);
  CHECK(bench.attempt.relay().held_bytes() == event.size());
}

TEST_CASE("a type may carry parameters and any case") {
  Bench bench;
  bench.start();
  bench.answer("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n" +
               delta("a"));
  CHECK(bench.attempt.is_stream());
  CHECK(bench.owner.ready == 1);
}

TEST_CASE("of an answer's head only the known fields pass") {
  Bench bench;
  bench.start();
  bench.answer(
      "HTTP/1.1 200 OK\r\nserver: s\r\nX-RateLimit-Remaining: 5\r\nset-cookie: c\r\n"
      "openai-version: 1\r\nopenai-: x\r\nx-request-id: r\r\nconnection: x\r\n"
      "transfer-encoding: chunked\r\nretry-after-ms: 7\r\n\r\n" +
      kLastChunk);
  CHECK(
      bench.attempt.forwarded_fields() ==
      "X-RateLimit-Remaining: 5\r\nopenai-version: 1\r\nx-request-id: r\r\nretry-after-ms: 7\r\n");
}

TEST_CASE("fields beyond their room are left out, the answer goes on") {
  Bench bench;
  bench.start();
  bench.answer("HTTP/1.1 200 OK\r\nopenai-x: " + std::string(3000, 'x') +
               "\r\nrequest-id: r\r\ncontent-length: 0\r\n\r\n");
  CHECK(bench.attempt.forwarded_fields() == "request-id: r\r\n");
  CHECK(bench.owner.ended);
}

TEST_CASE("a failure that comes as the first event is a refusal, not an answer") {
  Bench bench;
  bench.start();
  const std::string event = "data: {\"error\":{\"message\":\"no\"}}\n\n";
  bench.answer(kStreamHead + chunk(kRoleEvent + event));
  CHECK(bench.owner.refused == event);
  CHECK(bench.owner.ready == 0);
  CHECK_FALSE(bench.attempt.running());
}

TEST_CASE("usage is read as it passes, and kept from who did not ask for it") {
  const std::string usage =
      R"(data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}})"
      "\n\n";
  for (const bool wanted : {true, false}) {
    Bench bench;
    bench.aim.wants_usage = wanted;
    bench.start();
    bench.answer(kStreamHead + chunk(delta("a")) + chunk(usage) + chunk(kDoneEvent) + kLastChunk);
    CHECK(bench.sink.text == delta("a") + (wanted ? usage : "") + kDoneEvent);
    CHECK(bench.attempt.usage().of(TokenClass::input) == 3);
    CHECK(bench.attempt.usage().of(TokenClass::output) == 2);
  }
}

TEST_CASE("an answer of the other dialect is translated on its way") {
  Bench bench;
  bench.aim.dialect = &dialect::anthropic_dialect();
  bench.aim.translated = true;
  bench.start();
  const auto event = [](std::string_view type, std::string_view rest) {
    return chunk("event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" +
                 std::string(rest) + "}\n\n");
  };
  bench.answer(
      kStreamHead +
      event("message_start", R"(,"message":{"id":"m","model":"x","usage":{"input_tokens":4}})"));
  CHECK(bench.owner.ready == 0);
  bench.answer(
      event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})") +
      event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":"Hi"})"));
  CHECK(bench.owner.ready == 1);
  CHECK(bench.sink.text.find(R"("content":"Hi")") != std::string::npos);
  CHECK(bench.sink.text.find("message_start") == std::string::npos);
  bench.answer(
      event("message_delta", R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1})") +
      event("message_stop", "") + kLastChunk);
  CHECK(bench.owner.ended);
  CHECK(bench.attempt.relay().finish());
  CHECK(bench.sink.text.ends_with("data: [DONE]\n\n"));
  CHECK(bench.attempt.usage().of(TokenClass::input) == 4);
}

TEST_CASE("the usage of an answer too long to be held is found at its end") {
  Bench bench;
  bench.aim.call = dialect::Call::embeddings;
  bench.start();
  const std::string body = R"({"data":[")" + std::string(2 * base::limits::kHoldBytes, 'x') +
                           R"("],"usage":{"prompt_tokens":77,"total_tokens":77}})";
  bench.answer(plain_answer(body));
  REQUIRE(bench.run_until([&] { return bench.owner.ended; }));
  CHECK(bench.owner.ready == 1);
  CHECK(bench.sink.text == body);
  CHECK(bench.attempt.usage().of(TokenClass::input) == 77);
}

TEST_CASE("a redirect fails the attempt and closes its connection") {
  Bench bench;
  bench.start();
  bench.answer("HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
  CHECK(bench.owner.error.code == base::Errc::upstream_redirect);
  CHECK_FALSE(bench.owner.ended);
  CHECK(bench.server[0].ended);
  CHECK(bench.attempt.status() == 302);
}

TEST_CASE("a stopped attempt says nothing more, and may be started again") {
  Bench bench;
  bench.start();
  bench.answer(kStreamHead + chunk(kRoleEvent));
  bench.attempt.stop();
  bench.attempt.stop();
  bench.attempt.drop();
  bench.settle();
  CHECK(bench.server[0].ended);
  CHECK_FALSE(bench.owner.ended);
  CHECK(bench.owner.error.code == base::Errc::ok);
  bench.start();
  REQUIRE(bench.run_until([&] { return bench.server.count() == 2; }));
  CHECK(bench.attempt.status() == 0);
  CHECK_FALSE(bench.attempt.is_stream());
}

TEST_CASE("pauses are no time in which the upstream is waited for") {
  Bench bench;
  bench.start();
  bench.run_for(kSecond);
  bench.attempt.pause();
  bench.attempt.pause();
  bench.run_for(3 * kSecond);
  bench.attempt.resume();
  bench.attempt.resume();
  bench.run_for(kSecond);
  bench.attempt.pause();
  bench.run_for(3 * kSecond);
  bench.attempt.stop();
  CHECK(bench.attempt.upstream_wait() >= 2 * kSecond);
  CHECK(bench.attempt.upstream_wait() < 2 * kSecond + 100 * base::kMillisecond);
}

}  // namespace headrace::test
