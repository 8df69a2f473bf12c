// Goal: a provider that goes on without the client is read to its end, for its usage and for
// nothing else: no bytes are kept, nobody is blamed, nobody else is asked, and it ends within its
// bounds. Method: a whole worker in the simulated world, client and provider scripted.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "gateway_scene.h"
#include "h2_talk.h"
#include "two_providers.h"

namespace headrace::test {
namespace {

using base::Errc;
using base::kMillisecond;
using base::kSecond;
using server::Worker;

const std::string kUsageEvent =
    R"(data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":11,"total_tokens":18}})"
    "\n\n";
const std::string kRest = chunk(delta("z") + kFinishEvent + kUsageEvent + kDoneEvent) + kLastChunk;
const std::string kPlain =
    R"({"choices":[{"index":0,"message":{"content":"a"}}],"usage":{"prompt_tokens":7,)"
    R"("completion_tokens":11,"total_tokens":18}})";

config::Snapshot draining() {
  config::Snapshot snapshot = one_provider();
  snapshot.providers[0].drains = true;
  return snapshot;
}

bool has(const Record& record, std::uint32_t flag) {
  return (record.flags & flag) != 0;
}

std::uint32_t tokens_of(const Record& record, TokenClass which) {
  return record.tokens[static_cast<std::size_t>(which)];
}

// What every such story leaves: an attempt and its request, both by the client's leaving.
std::vector<Record> story(GatewayScene& scene) {
  scene.settle();
  CHECK(scene.worker->shop().unheard() == 0);
  CHECK(scene.worker->shop().exchanges.in_use() == 0);
  std::vector<Record> records = scene.records();
  REQUIRE(records.size() == 2);
  for (const Record& record : records) {
    CHECK(static_cast<Errc>(record.error) == Errc::client_closed);
    CHECK(record.blame == 0);
    CHECK(has(record, record_flag::kClientClosed));
    CHECK(has(record, record_flag::kDrained));
    CHECK(record.cancel_ns == kNoDuration);
  }
  CHECK(records[1].status == 499);
  CHECK(records[1].attempts == 1);
  return records;
}

void check_reported(const Record& record) {
  CHECK_FALSE(has(record, record_flag::kUsageEstimated));
  CHECK(tokens_of(record, TokenClass::input) == 7);
  CHECK(tokens_of(record, TokenClass::output) == 11);
}

// The client leaves, and the worker has seen it.
void leave(GatewayScene& scene, Talker& client, bool reset = false) {
  if (reset) {
    client.reset();
  } else {
    client.close();
  }
  scene.settle();
  CHECK(scene.worker->clients() == 0);
}

}  // namespace

TEST_CASE(
    "a stream goes on without its client, and its usage is what the provider says at its end") {
  GatewayScene scene(draining());
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked(0, reset ? 2 : 1));
    scene.provider[0].send(kStreamHead + chunk(delta("a")));
    REQUIRE(scene.heard(client, "\"a\""));
    CHECK(scene.tally().streams_open == 1);
    leave(scene, client, reset);
    CHECK(scene.worker->shop().unheard() == 1);
    CHECK(scene.tally().streams_open == 0);
    scene.run_for(kSecond);
    scene.provider[0].send(chunk(delta("b")));
    scene.settle();
    CHECK_FALSE(scene.provider[0].ended);
    scene.provider[0].send(kRest);
    const std::vector<Record> records = story(scene);
    for (const Record& record : records) {
      check_reported(record);
      CHECK(has(record, record_flag::kCommitted));
      CHECK(has(record, record_flag::kTruncated));
      CHECK(record.events == 1);  // what the client saw
      CHECK(record.bytes_out == delta("a").size());
      CHECK(record.last_byte_ns == record.first_byte_sent_ns);
      CHECK(record.settled_ns - record.last_byte_ns >= kSecond);
    }
  }
  CHECK(scene.provider.count() == 1);  // the connection went back to the pool
  CHECK(scene.tally().unheard_whole == 2);
  CHECK(scene.tally().cancels == 0);
}

TEST_CASE(
    "whoever leaves before the commit point is not committed to, and its answer costs all the "
    "same") {
  GatewayScene scene(draining());
  SUBCASE("before the head of a stream") {
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    leave(scene, client);
    scene.provider[0].send(kStreamHead + chunk(kRoleEvent));
    scene.settle();
    scene.provider[0].send(kRest);
  }
  SUBCASE("behind it") {
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    scene.provider[0].send(kStreamHead + chunk(kRoleEvent));
    scene.settle();
    leave(scene, client);
    scene.provider[0].send(kRest);
  }
  SUBCASE("a plain answer") {
    Talker& client = scene.ask(chat(false));
    REQUIRE(scene.asked());
    leave(scene, client);
    scene.provider[0].send(plain_answer(kPlain));
  }
  SUBCASE("a plain answer that outgrows the hold") {
    Talker& client = scene.ask(chat(false));
    REQUIRE(scene.asked());
    leave(scene, client);
    const std::string words(base::limits::kHoldBytes + 10'000, 'x');
    scene.provider[0].send(plain_answer(R"({"x":")" + words + "\"," + kPlain.substr(1)));
    scene.run_for(kSecond);
  }
  for (const Record& record : story(scene)) {
    check_reported(record);
    CHECK_FALSE(has(record, record_flag::kCommitted));
    CHECK_FALSE(has(record, record_flag::kTruncated));
    CHECK_FALSE(has(record, record_flag::kWon));
    CHECK(record.bytes_out == 0);
    CHECK(record.first_byte_sent_ns == kNoStamp);
    CHECK(record.upstream_status == 200);
  }
  CHECK(scene.tally().unheard_whole == 1);
  scene.ask(chat(false));
  REQUIRE(scene.asked(0, 2));  // over the same connection
  CHECK(scene.provider.count() == 1);
}

TEST_CASE("usage is read of translated answers too") {
  config::Snapshot snapshot = draining();
  snapshot.providers[0].dialect = "anthropic";
  GatewayScene scene(snapshot);
  const auto event = [](std::string_view type, std::string_view rest) {
    return chunk("event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" +
                 std::string(rest) + "}\n\n");
  };
  const std::string begin =
      kStreamHead +
      event("message_start", R"(,"message":{"id":"m","model":"x","usage":{"input_tokens":7}})") +
      event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})") +
      event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":"Hi"})");
  const std::string end =
      event("message_delta",
            R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":11})") +
      event("message_stop", "") + kLastChunk;
  const auto ask = [&](bool stream) -> Talker& {
    const std::string body = std::string(R"({"model":"m","messages":[{"role":"user",)") +
                             R"("content":"Hi"}],"stream":)" + (stream ? "true}" : "false}");
    Talker& client = scene.ask("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(scene.asked());
    return client;
  };
  SUBCASE("a stream that had begun to pass") {
    Talker& client = ask(true);
    scene.provider[0].send(begin);
    REQUIRE(scene.heard(client, "\"Hi\""));
    leave(scene, client);
    scene.provider[0].send(end);
  }
  SUBCASE("a stream that had not") {
    leave(scene, ask(true));
    scene.provider[0].send(begin);
    scene.settle();
    scene.provider[0].send(end);
  }
  SUBCASE("a plain answer") {
    leave(scene, ask(false));
    scene.provider[0].send(plain_answer(
        R"({"type":"message","role":"assistant","content":[],"stop_reason":"end_turn",)"
        R"("usage":{"input_tokens":7,"output_tokens":11}})"));
  }
  for (const Record& record : story(scene)) check_reported(record);
  CHECK(scene.tally().unheard_whole == 1);
}

TEST_CASE("the key may ask again at once, and its tokens are counted when they are known") {
  config::Snapshot snapshot = draining();
  snapshot.key_secret = kKeySecret;
  config::ClientKey key = client_key("a", "hr-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG");
  key.concurrency = 1;
  key.tokens_per_minute = 100'000;
  snapshot.keys = {key};
  GatewayScene scene(snapshot);
  const std::string bearer =
      "authorization: Bearer hr-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG\r\n";
  leave(scene, [&]() -> Talker& {
    Talker& client = scene.ask(chat(true, bearer));
    REQUIRE(scene.asked());
    return client;
  }());
  Talker& next = scene.ask(chat(false, bearer));
  REQUIRE(scene.asked(1));
  scene.provider[0].send(kStreamHead + kRest);
  scene.settle();
  scene.records();
  scene.provider[1].send(plain_answer(kPlain));
  REQUIRE(scene.heard(next, "x-ratelimit-limit-tokens: 100000\r\n"));
  Talker& last = scene.ask(chat(false, bearer));
  REQUIRE(scene.run_until(
      [&] { return scene.provider[0].count("\"m\"") + scene.provider[1].count("\"m\"") == 3; }));
  const bool first_again = scene.provider[0].count("\"m\"") == 2;
  scene.provider[first_again ? 0 : 1].send(plain_answer(kPlain));
  // Twice 18 were used, and what the last one may use is reserved.
  REQUIRE(scene.heard(last, "HTTP/1.1 200 "));
  const std::size_t reserved = policy::estimate_tokens(13, 0);
  CHECK(last.has("x-ratelimit-remaining-tokens: " + std::to_string(100'000 - 36 - reserved)));
}

TEST_CASE("what costs nothing yet, or no more, is cancelled at once") {
  config::Snapshot snapshot = draining();
  SUBCASE("the connection is still being made") {
    GatewayScene scene(snapshot);
    scene.provider.set_mode(sim::SimListenerPeer::Mode::black_hole);
    Talker& client = scene.ask(chat());
    scene.settle();
    leave(scene, client);
    CHECK(scene.worker->shop().exchanges.in_use() == 0);
  }
  SUBCASE("the request is not out") {
    GatewayScene scene(snapshot);
    const std::string body = R"({"model":"m","x":")" + std::string(2'000'000, 'x') + "\"}";
    Talker& client = scene.ask("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body);
    REQUIRE(scene.run_until(
        [&] { return scene.provider.count() == 1 && scene.provider[0].has("POST"); }));
    scene.provider[0].set_reading(false);
    scene.run_for(kSecond);
    leave(scene, client);
    CHECK(scene.worker->shop().exchanges.in_use() == 0);
  }
  SUBCASE("it waits for a provider that asked for patience") {
    GatewayScene scene(snapshot);
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    scene.provider[0].send(plain_answer("{}", 429, "retry-after: 7\r\n"));
    scene.run_for(kSecond);
    leave(scene, client);
    CHECK(scene.worker->shop().exchanges.in_use() == 0);
    scene.run_for(10 * kSecond);
    CHECK(scene.provider[0].count("POST") == 1);
  }
  SUBCASE("the provider honours a cancel") {
    snapshot.providers[0].drains = false;
    GatewayScene scene(snapshot);
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked());
    leave(scene, client);
    CHECK(scene.worker->shop().exchanges.in_use() == 0);
    CHECK(scene.provider[0].ended);
    CHECK(scene.tally().cancels == 1);
  }
}

TEST_CASE("an answer that does not end well is cut, and its usage is an estimate") {
  config::Snapshot snapshot = draining();
  snapshot.routes[0].idle_timeout = 10 * kSecond;
  snapshot.routes[0].total_timeout = 60 * kSecond;
  GatewayScene scene(snapshot);
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")));
  REQUIRE(scene.heard(client, "\"a\""));
  scene.run_for(5 * kSecond);
  leave(scene, client);
  SUBCASE("the provider falls silent") {
    scene.run_for(9 * kSecond);
    CHECK(scene.worker->shop().unheard() == 1);
    scene.run_for(2 * kSecond);
  }
  SUBCASE("it takes too long in all") {
    for (int i = 0; i < 27; ++i) {
      scene.run_for(2 * kSecond);
      scene.provider[0].send(chunk(delta("b")));
    }
    CHECK(scene.worker->shop().unheard() == 1);
    scene.run_for(2 * kSecond);
  }
  SUBCASE("it is too much") {
    const std::string much = chunk(delta(std::string(30'000, 'b')));
    for (std::size_t sent = 0; sent <= base::limits::kUnheardBytes; sent += much.size()) {
      scene.provider[0].send(much);
    }
    scene.run_for(10 * kSecond);
  }
  SUBCASE("the connection breaks") {
    scene.provider[0].reset();
  }
  SUBCASE("the stream ends in the middle") {
    scene.provider[0].send(kLastChunk);
  }
  SUBCASE("the provider says that it failed") {
    scene.provider[0].send(chunk("data: {\"error\":{\"message\":\"x\"}}\n\n") + kLastChunk);
  }
  SUBCASE("the worker ends") {
    scene.worker->move_to(Worker::Stage::draining);
    scene.run_for(kSecond);
    CHECK(scene.worker->shop().unheard() == 1);
    CHECK_FALSE(scene.worker->drained());
    scene.worker->move_to(Worker::Stage::ending);
    scene.settle();
    CHECK(scene.worker->drained());
  }
  for (const Record& record : story(scene)) {
    CHECK(has(record, record_flag::kUsageEstimated));
    CHECK(tokens_of(record, TokenClass::output) >= 1);
  }
  CHECK(scene.tally().unheard_cut == 1);
  CHECK(scene.tally().unheard_whole == 0);
}

TEST_CASE("a failure that no client met is no mark against the target, and nobody else is asked") {
  config::Snapshot snapshot = two_providers();
  for (config::Provider& provider : snapshot.providers) provider.drains = true;
  TwoProviders scene(snapshot);
  std::size_t asked = 0;
  for (; asked < 2 * base::limits::kBreakerFailures; ++asked) {
    Talker& client = scene.ask(chat());
    REQUIRE(scene.asked(0, asked + 1));
    leave(scene, client);
    scene.provider[0].send(plain_answer("{}", 500, "retry-after: 0\r\n"));
    story(scene);
  }
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked(0, asked + 1));
  scene.provider[0].send(plain_answer(kPlain));
  CHECK(scene.heard(client, "HTTP/1.1 200 "));
  CHECK(scene.provider.count() == 1);
  CHECK(scene.second.count() == 0);
}

TEST_CASE("only so many answers are read at once; the next is cancelled") {
  GatewayScene scene(draining());
  std::vector<Talker*> clients;
  for (std::size_t i = 0; i < base::limits::kUnheardMost + 2; ++i) {
    clients.push_back(&scene.ask(chat()));
    REQUIRE(scene.asked(i));
  }
  for (Talker* client : clients) client->close();
  scene.settle();
  CHECK(scene.worker->shop().unheard() == base::limits::kUnheardMost);
  CHECK(scene.tally().unheard_refused == 2);
  CHECK(scene.tally().cancels == 2);
  scene.provider[0].send(kStreamHead + kRest);
  scene.settle();
  CHECK(scene.worker->shop().unheard() == base::limits::kUnheardMost - 1);
}

TEST_CASE("a stream that was held up by its client flows when the client is gone") {
  config::Snapshot snapshot = draining();
  GatewayScene scene(snapshot);
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  client.set_reading(false);
  std::string stream = kStreamHead;
  while (stream.size() < 1'000'000) stream += chunk(delta(std::string(4000, 'x')));
  scene.provider[0].send(stream + kRest);
  scene.run_for(kSecond);
  CHECK(scene.worker->shop().exchanges.in_use() == 1);
  client.reset();
  scene.run_for(kSecond);
  for (const Record& record : story(scene)) {
    check_reported(record);
    CHECK(record.bytes_out < 1'000'000);
  }
}

TEST_CASE("a client that does not read is gone too") {
  GatewayScene scene(draining());
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  client.set_reading(false);
  std::string stream = kStreamHead;
  while (stream.size() < 1'000'000) stream += chunk(delta(std::string(4000, 'x')));
  scene.provider[0].send(stream + kRest);
  scene.run_for(base::limits::kWriteStallTimeout + kSecond);
  const std::vector<Record> records = scene.records();
  REQUIRE(records.size() == 2);
  CHECK(static_cast<Errc>(records[1].error) == Errc::client_stalled);
  check_reported(records[1]);
}

TEST_CASE("a stream of HTTP/2 that its client takes back goes on, and the connection with it") {
  GatewayScene scene(draining());
  Talker& client = scene.ask(h2_hello() + h2_post(1, R"({"model":"m","stream":true})"));
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")));
  REQUIRE(scene.run_until([&] { return heard_on(client, 1).answered; }));
  SUBCASE("the stream alone") {
    client.send(h2::reset(1, 8));
    scene.settle();
    CHECK(scene.worker->shop().h2_requests() == 0);
    client.send(h2_models(3));
    CHECK(ends_on(scene, client, 3));
    scene.records();  // of the models
  }
  SUBCASE("with its connection") {
    client.reset();
    scene.settle();
    CHECK(scene.worker->clients() == 0);
  }
  CHECK(scene.worker->shop().unheard() == 1);
  scene.provider[0].send(kRest);
  for (const Record& record : story(scene)) check_reported(record);
}

}  // namespace headrace::test
