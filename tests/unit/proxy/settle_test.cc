// Goal: exactly one record a request and one an attempt, whatever happened, and fields that fit
// together. Method: a whole worker in the simulated world; its ring is read after each story.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "gateway_scene.h"

namespace headrace::test {
namespace {

using base::Errc;
using base::kMillisecond;
using base::kSecond;

Errc error_of(const Record& record) {
  return static_cast<Errc>(record.error);
}

bool has(const Record& record, std::uint32_t flag) {
  return (record.flags & flag) != 0;
}

// The phases that were reached, in their order.
void check_order(const Record& record) {
  std::int64_t last = 0;
  for (const std::int64_t stamp : {record.head_complete_ns,
                                   record.dispatched_ns,
                                   record.connected_ns,
                                   record.request_sent_ns,
                                   record.upstream_first_byte_ns,
                                   record.first_useful_event_ns,
                                   record.first_byte_sent_ns,
                                   record.last_byte_ns,
                                   record.settled_ns}) {
    if (stamp == kNoStamp) continue;
    CHECK(stamp >= last);
    last = stamp;
  }
  CHECK(record.settled_ns >= 0);
  CHECK(record.upstream_wait_ns <= record.settled_ns);
}

// What every story must leave: the attempts in order, then the request, nothing else.
std::vector<Record> story(GatewayScene& scene, std::size_t attempts) {
  scene.settle();
  std::vector<Record> records = scene.records();
  REQUIRE(records.size() == attempts + 1);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const bool last = i == attempts;
    CHECK(records[i].kind == (last ? RecordKind::request : RecordKind::attempt));
    if (!last) CHECK(records[i].attempt == i);
    CHECK(std::equal(std::begin(records[i].request_id),
                     std::end(records[i].request_id),
                     std::begin(records[0].request_id)));
    CHECK(records[i].start_ns == records[0].start_ns);
    CHECK(records[i].epoch == 1);
    if (i != 0) CHECK(records[i].sequence == records[i - 1].sequence + 1);
    check_order(records[i]);
  }
  CHECK(records.back().attempts == attempts);
  return records;
}

}  // namespace

TEST_CASE("a stream that went well leaves two full records") {
  GatewayScene scene;
  const base::Nanos asked_at = scene.net.now();
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.run_for(100 * kMillisecond);
  const base::Nanos head_sent_at = scene.net.now();
  scene.provider[0].send(kStreamHead + chunk(kRoleEvent));
  scene.run_for(100 * kMillisecond);
  const base::Nanos event_sent_at = scene.net.now();
  scene.provider[0].send(chunk(delta("a")));
  scene.run_for(300 * kMillisecond);
  scene.provider[0].send(chunk(kFinishEvent + kDoneEvent) + kLastChunk);
  REQUIRE(scene.heard(client, "[DONE]"));
  const std::vector<Record> records = story(scene, 1);
  const std::size_t payload = (kRoleEvent + delta("a") + kFinishEvent + kDoneEvent).size();
  for (const Record& record : records) {
    CHECK(error_of(record) == Errc::ok);
    CHECK(record.upstream_status == 200);
    CHECK(record.route == 0);
    CHECK(record.target == 0);
    CHECK(record.provider == 0);
    CHECK(record.events == 4);
    CHECK(record.bytes_out == payload);
    CHECK(has(record, record_flag::kStreamed));
    CHECK(has(record, record_flag::kCommitted));
    CHECK_FALSE(has(record, record_flag::kTruncated));
    CHECK_FALSE(has(record, record_flag::kReusedConnection));
    CHECK(record.connected_ns - record.dispatched_ns > 0);
    CHECK(record.connected_ns - record.dispatched_ns < kMillisecond);
    CHECK(record.request_sent_ns == record.connected_ns);
    CHECK(record.upstream_first_byte_ns - record.request_sent_ns >= 100 * kMillisecond);
    const auto follows = [&record](std::int64_t stamp, base::Nanos sent_at) {
      const base::Nanos after = record.start_ns + stamp - sent_at;
      return after > 0 && after < kMillisecond;
    };
    CHECK(follows(record.upstream_first_byte_ns, head_sent_at));
    CHECK(follows(record.first_useful_event_ns, event_sent_at));
    CHECK(record.first_byte_sent_ns == record.first_useful_event_ns);
    CHECK(record.last_byte_ns - record.first_byte_sent_ns >= 300 * kMillisecond);
    CHECK(record.upstream_wait_ns >= 500 * kMillisecond);
    CHECK(record.cancel_ns == kNoDuration);
  }
  CHECK(has(records[0], record_flag::kWon));
  CHECK(records[1].status == 200);
  CHECK(records[1].bytes_in == 27);
  CHECK(records[1].start_ns >= asked_at);
  CHECK(records[1].overhead_ns != kNoDuration);
  CHECK(records[1].last_byte_ns == records[1].settled_ns);
}

TEST_CASE("a request starts with its first byte, also on the wall clock") {
  GatewayScene scene;
  const std::string request = chat(false);
  Talker& client = scene.ask(request.substr(0, 1));
  scene.settle();
  const base::Nanos wall = static_cast<base::Nanos>(scene.io.wall_clock());
  const base::Nanos now = scene.net.now();
  scene.run_for(2 * kSecond);
  client.send(request.substr(1));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}"));
  const std::vector<Record> records = story(scene, 1);
  CHECK(records[1].start_ns < now);
  CHECK(records[1].head_complete_ns >= 2 * kSecond);
  CHECK(static_cast<base::Nanos>(records[1].wall_start_ns) - records[1].start_ns == wall - now);
}

TEST_CASE("what is refused at once has a request record alone, and no upstream phases") {
  GatewayScene scene;
  SUBCASE("no such path") {
    scene.ask("GET /nowhere HTTP/1.1\r\nhost: h\r\n\r\n");
  }
  SUBCASE("no JSON") {
    scene.ask("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n{");
  }
  SUBCASE("no HTTP") {
    scene.ask("NO\r\n\r\n");
  }
  const Record record = story(scene, 0).back();
  CHECK(error_of(record) != Errc::ok);
  CHECK(record.blame == 0);
  CHECK(record.status >= 400);
  CHECK(record.dispatched_ns == kNoStamp);
  CHECK(record.connected_ns == kNoStamp);
  CHECK(record.target == kNoId);
  CHECK(record.overhead_ns == kNoDuration);
  CHECK(record.upstream_wait_ns == 0);
  CHECK(record.first_byte_sent_ns >= 0);
  CHECK(record.last_byte_ns >= 0);
}

TEST_CASE("a head that never came is recorded from its first byte") {
  GatewayScene scene;
  scene.ask("POST /v1");
  scene.run_for(base::limits::kHeadTimeout + 10 * kMillisecond);
  const Record record = story(scene, 0).back();
  CHECK(error_of(record) == Errc::request_timeout);
  CHECK(record.status == 408);
  CHECK(record.settled_ns >= base::limits::kHeadTimeout);
  CHECK(record.head_complete_ns == kNoStamp);
}

TEST_CASE("a retry has an attempt record for each try") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{\"a\":1}"));
  story(scene, 1);
  client.send(chat(false));
  REQUIRE(scene.asked(0, 2));
  scene.provider[0].reset();
  REQUIRE(scene.asked(1));
  scene.provider[1].send(plain_answer("{\"a\":2}"));
  const std::vector<Record> records = story(scene, 2);
  CHECK(error_of(records[0]) == Errc::upstream_reset);
  CHECK(records[0].upstream_status == 0);
  CHECK(records[0].connected_ns == records[0].dispatched_ns);
  CHECK(records[0].last_byte_ns == kNoStamp);
  CHECK(has(records[0], record_flag::kReusedConnection));
  CHECK_FALSE(has(records[0], record_flag::kWon));
  CHECK(error_of(records[1]) == Errc::ok);
  CHECK_FALSE(has(records[1], record_flag::kReusedConnection));
  CHECK(has(records[2], record_flag::kRetried));
  CHECK(has(records[2], record_flag::kClientReused));
  CHECK(records[2].attempt == 1);
  CHECK(error_of(records[2]) == Errc::ok);
  CHECK(records[2].upstream_wait_ns == records[0].upstream_wait_ns + records[1].upstream_wait_ns);
}

TEST_CASE("what went well in the end is on record as a success, whatever was tried before") {
  GatewayScene scene;
  scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}", 429, "retry-after: 1\r\n"));
  scene.run_for(2 * kSecond);
  REQUIRE(scene.asked(0, 2));
  scene.provider[0].send(plain_answer("{\"a\":1}"));
  const std::vector<Record> records = story(scene, 2);
  CHECK(error_of(records[0]) == Errc::upstream_status);
  CHECK(error_of(records[1]) == Errc::ok);
  CHECK(error_of(records[2]) == Errc::ok);
  CHECK(records[2].status == 200);
}

TEST_CASE("a connection that never was leaves its phases out") {
  GatewayScene scene;
  scene.provider.set_mode(sim::SimListenerPeer::Mode::black_hole);
  scene.ask(chat());
  scene.run_for(base::limits::kConnectTimeout + 10 * kMillisecond);
  for (const Record& record : story(scene, 1)) {
    CHECK(error_of(record) == Errc::connect_timeout);
    CHECK(record.dispatched_ns >= 0);
    CHECK(record.connected_ns == kNoStamp);
    CHECK(record.request_sent_ns == kNoStamp);
    CHECK(record.upstream_wait_ns >= base::limits::kConnectTimeout);
  }
}

TEST_CASE("a request that the kernel took in parts was sent with the last of them") {
  GatewayScene scene;
  const std::string body = R"({"model":"m","x":")" + std::string(2'000'000, 'x') + "\"}";
  scene.ask("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
  REQUIRE(scene.run_until(
      [&] { return scene.provider.count() == 1 && scene.provider[0].has("POST"); }));
  scene.provider[0].set_reading(false);
  scene.run_for(kSecond);
  scene.provider[0].set_reading(true);
  REQUIRE(scene.run_until([&] { return scene.provider[0].heard.ends_with("x\"}"); }));
  scene.provider[0].send(plain_answer("{}"));
  const Record record = story(scene, 1)[0];
  CHECK(record.request_sent_ns - record.connected_ns >= kSecond);
}

TEST_CASE(
    "a client that leaves is recorded with what it got and how fast its attempt was cancelled") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  SUBCASE("before anything was sent") {
    client.reset();
    const std::vector<Record> records = story(scene, 1);
    CHECK(records[1].first_byte_sent_ns == kNoStamp);
    CHECK(records[1].last_byte_ns == kNoStamp);
    CHECK_FALSE(has(records[1], record_flag::kTruncated));
    CHECK(records[1].cancel_ns < kMillisecond);
    CHECK(records[1].status == 499);
    for (const Record& record : records) {
      CHECK(error_of(record) == Errc::client_closed);
      CHECK(record.blame == 0);
      CHECK(has(record, record_flag::kClientClosed));
    }
  }
  SUBCASE("in the middle of a stream") {
    scene.provider[0].send(kStreamHead + chunk(delta("a")));
    REQUIRE(scene.heard(client, "\"a\""));
    scene.run_for(kSecond);
    client.reset();
    const std::vector<Record> records = story(scene, 1);
    CHECK(records[1].events == 1);
    CHECK(has(records[1], record_flag::kTruncated));
    CHECK(records[1].last_byte_ns == records[1].first_byte_sent_ns);
    CHECK(records[1].settled_ns - records[1].last_byte_ns >= kSecond);
    CHECK(records[1].cancel_ns < kMillisecond);
  }
}

TEST_CASE("a client that stalls is recorded as one that left") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  client.set_reading(false);
  std::string stream = kStreamHead;
  while (stream.size() < 1'000'000) stream += chunk(delta(std::string(4000, 'x')));
  scene.provider[0].send(stream);
  scene.run_for(base::limits::kWriteStallTimeout + kSecond);
  const std::vector<Record> records = story(scene, 1);
  CHECK(error_of(records[1]) == Errc::client_stalled);
  CHECK(records[1].upstream_wait_ns < kSecond);  // the rest of the time it was paused
}

TEST_CASE("a provider's refusal is an error of its attempt, and its status stays known") {
  GatewayScene scene;
  scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}", 429));
  const std::vector<Record> records = story(scene, 1);
  CHECK(error_of(records[0]) == Errc::upstream_status);
  CHECK(records[0].blame == 1);
  CHECK(records[0].upstream_status == 429);
  CHECK(records[1].status == 429);
  CHECK(error_of(records[1]) == Errc::upstream_status);
}

TEST_CASE("a stream that broke is committed, truncated and the provider's fault") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  scene.provider[0].send(kStreamHead + chunk(delta("a")));
  REQUIRE(scene.heard(client, "\"a\""));
  scene.run_for(kSecond);
  scene.provider[0].close();
  for (const Record& record : story(scene, 1)) {
    CHECK(error_of(record) == Errc::upstream_closed);
    CHECK(record.blame == 1);
    CHECK(has(record, record_flag::kTruncated));
    CHECK(has(record, record_flag::kCommitted));
  }
}

TEST_CASE("a worker that stops does not blame its clients") {
  GatewayScene scene;
  scene.ask(chat());
  REQUIRE(scene.asked());
  scene.worker->move_to(server::Worker::Stage::stopped);
  const std::vector<Record> records = story(scene, 1);
  CHECK(error_of(records[1]) == Errc::draining);
  CHECK(records[1].blame == 2);
  CHECK(records[1].status == 503);
  CHECK_FALSE(has(records[1], record_flag::kClientClosed));
}

TEST_CASE("a full ring loses records, counts them and keeps their numbers free") {
  GatewayScene scene;
  Talker& client = scene.dial();
  for (std::size_t i = 0; i < GatewayScene::kRing + 3; ++i) {
    client.send("GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n");
    scene.settle();
  }
  CHECK(scene.tally().records_dropped == 3);
  CHECK(scene.records().size() == GatewayScene::kRing);
  client.send("GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n");
  scene.settle();
  const std::vector<Record> records = scene.records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].sequence == GatewayScene::kRing + 3);
}

}  // namespace headrace::test
