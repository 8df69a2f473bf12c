// Goal: a client that speaks HTTP/2 is known by its first bytes; its requests are strangers to one
// another, and the connection ends as it should. Method: a whole worker in the simulated world,
// frames made by hand.
#include "proxy/h2_client_conn.h"

#include <doctest/doctest.h>

#include <string>

#include "h2_talk.h"

namespace headrace::test {
namespace {

// Then every piece has a heap of its own, so that its ends are seen.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kPooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif
#else
constexpr bool kPooled = true;
#endif

using base::kMillisecond;
using base::kSecond;
using server::Worker;

config::Snapshot with_limits(const config::Limits& limits) {
  config::Snapshot snapshot = one_provider();
  snapshot.limits = limits;
  return snapshot;
}

}  // namespace

TEST_CASE("who begins with the preface speaks HTTP/2, wherever it is cut") {
  const std::string all = h2_hello() + h2_models(1);
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    CAPTURE(cut);
    GatewayScene scene;
    Talker& client = scene.ask(all.substr(0, cut));
    scene.settle();
    client.send(all.substr(cut));
    REQUIRE(ends_on(scene, client, 1));
    CHECK(heard_on(client, 1).payload.starts_with("{\"object\":\"list\""));
  }
}

TEST_CASE("who only begins like the preface speaks HTTP/1.1") {
  for (std::size_t cut = 1; cut < 24; ++cut) {
    CAPTURE(cut);
    GatewayScene scene;
    std::string other(h2::kPreface);
    other[cut] = '_';
    Talker& client = scene.ask(other.substr(0, cut));
    scene.settle();
    client.send(other.substr(cut) + "\r\n\r\n");
    CHECK(scene.heard(client, "HTTP/1.1 4"));
  }
  GatewayScene scene;
  Talker& client = scene.ask("P");
  scene.settle();
  client.send(chat(false).substr(1));
  CHECK(scene.asked());
}

TEST_CASE("a preface that does not get whole in time is answered 408") {
  GatewayScene scene;
  Talker& client = scene.ask(h2::kPreface.substr(0, 20));
  CHECK(scene.run_until([&] { return client.ended; }, 20 * kSecond));
  CHECK(client.heard.starts_with("HTTP/1.1 408 "));
}

TEST_CASE("requests run beside each other, and each has its own answer") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + h2_chat(1) + h2_chat(3, false) + h2_models(5));
  REQUIRE(ends_on(scene, client, 5));
  // Who asks for the models makes sure of a spare connection, too.
  REQUIRE(scene.run_until([&] { return scene.provider.count() >= 2; }));
  REQUIRE(scene.asked(1));
  scene.provider[1].send(plain_answer("{\"second\":1}"));
  REQUIRE(ends_on(scene, client, 3));
  CHECK(heard_on(client, 3).payload == "{\"second\":1}");
  CHECK_FALSE(heard_on(client, 1).answered);
  scene.provider[0].send(kStreamHead + chunk(kRoleEvent) + chunk(delta("a")));
  CHECK(scene.run_until([&] { return heard_on(client, 1).payload == kRoleEvent + delta("a"); }));
  scene.provider[0].send(chunk(kFinishEvent) + chunk(kDoneEvent) + kLastChunk);
  REQUIRE(ends_on(scene, client, 1));
  CHECK(heard_on(client, 1).payload == kRoleEvent + delta("a") + kFinishEvent + kDoneEvent);
  client.send(h2_models(7));
  CHECK(ends_on(scene, client, 7));
  CHECK(scene.tally().clients_accepted == 1);
  std::size_t reused = 0;
  std::size_t requests = 0;
  for (const Record& record : scene.records()) {
    if (record.kind != RecordKind::request) continue;
    ++requests;
    reused += (record.flags & record_flag::kClientReused) != 0;
  }
  CHECK(requests == 4);
  CHECK(reused == 3);
}

TEST_CASE("a reset cancels its request in the turn that sees it, and no other") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + h2_chat(1) + h2_chat(3));
  REQUIRE(scene.run_until([&] { return scene.provider.count() == 2; }));
  REQUIRE(scene.asked(1));
  for (std::size_t i = 0; i < 2; ++i) {
    scene.provider[i].send(kStreamHead + chunk(kRoleEvent) + chunk(delta("a")));
  }
  REQUIRE(scene.run_until([&] { return heard_on(client, 3).answered; }));
  client.send(h2::reset(1, 8));
  REQUIRE(scene.run_until([&] { return scene.tally().cancels == 1; }));
  CHECK(scene.run_until([&] { return scene.provider[0].ended; }));
  CHECK_FALSE(scene.provider[1].ended);
  scene.provider[1].send(chunk(kFinishEvent) + chunk(kDoneEvent) + kLastChunk);
  REQUIRE(ends_on(scene, client, 3));
  CHECK(heard_on(client, 1).reset == -1);
}

TEST_CASE("a client that leaves cancels all that it asked for") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + h2_chat(1) + h2_chat(3) + h2_chat(5, false));
  REQUIRE(scene.run_until([&] { return scene.provider.count() == 3; }));
  REQUIRE(scene.asked(2));
  SUBCASE("by a reset") {
    client.reset();
  }
  SUBCASE("in good order") {
    client.close();
  }
  SUBCASE("by ending its half") {
    client.shutdown_write();
  }
  CHECK(scene.run_until([&] { return scene.tally().cancels == 3; }));
  CHECK(scene.run_until([&] { return scene.worker->clients() == 0; }));
}

TEST_CASE("a half-closed client is answered where the listener says that this is no sign") {
  GatewayScene scene(one_provider(), config::HalfClose::ignore);
  Talker& client = scene.ask(h2_hello() + h2_chat(1, false));
  REQUIRE(scene.asked());
  client.shutdown_write();
  scene.settle();
  scene.provider[0].send(plain_answer("{\"x\":1}"));
  REQUIRE(scene.run_until([&] { return client.ended; }));
  CHECK(heard_on(client, 1).payload == "{\"x\":1}");
  CHECK(goaway_of(client) == 0);
}

TEST_CASE("where it is no sign, a request whose body can never end is given up all the same") {
  GatewayScene scene(one_provider(), config::HalfClose::ignore);
  const std::string whole = h2_chat(1);
  Talker& client = scene.ask(h2_hello() + whole.substr(0, whole.size() - 5));
  scene.settle();
  client.shutdown_write();
  CHECK(scene.run_until([&] { return client.ended; }, kSecond));
  CHECK(scene.worker->clients() == 0);
}

TEST_CASE("streams above the bound are refused, and may be asked for elsewhere") {
  GatewayScene scene;
  std::string all = std::string(h2::kPreface) + h2::settings();  // ours are not known yet
  for (std::uint32_t i = 0; i < 101; ++i) {
    all += h2::headers(1 + 2 * i, h2_head("POST", "/v1/chat/completions"), false);
  }
  Talker& client = scene.ask(all);
  CHECK(scene.run_until([&] { return heard_on(client, 201).reset == 7; }));
  CHECK(heard_on(client, 199).reset == -1);
  CHECK(scene.worker->shop().h2_requests() == 100);
  // Who knows the bound and does not keep it breaks the rules.
  client.send(h2::settings_ack() + h2_models(203));
  CHECK(scene.run_until([&] { return goaway_of(client) == 1; }));
  CHECK(scene.worker->shop().h2_requests() == 0);
}

TEST_CASE("an idle connection ends by GOAWAY") {
  config::Limits limits;
  limits.keep_alive_timeout = 3 * kSecond;
  GatewayScene scene(with_limits(limits));
  Talker& client = scene.ask(h2_hello() + h2_models(1));
  REQUIRE(ends_on(scene, client, 1));
  scene.run_for(2 * kSecond);
  client.send(h2_models(3));
  REQUIRE(ends_on(scene, client, 3));
  scene.run_for(2 * kSecond);
  CHECK(goaway_of(client) == -1);
  CHECK(scene.run_until([&] { return client.ended; }));
  CHECK(goaway_of(client) == 0);
}

TEST_CASE("a head that does not get whole in time ends the connection") {
  GatewayScene scene;
  const std::string head = h2_models(1);
  std::string unfinished = head;
  SUBCASE("its frame does not") {
    unfinished.pop_back();
  }
  SUBCASE("its continuation does not come") {
    unfinished[4] = h2::kEndStream;
  }
  Talker& client = scene.ask(h2_hello() + unfinished);
  scene.run_for(9 * kSecond);
  CHECK(goaway_of(client) == -1);
  CHECK(scene.run_until([&] { return client.ended; }));
  CHECK(goaway_of(client) == 11);
}

TEST_CASE("an attack ends the connection, with all that it had asked for") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello() + h2_chat(1));
  REQUIRE(scene.asked());
  std::string flood;
  SUBCASE("of pings") {
    for (int i = 0; i < 2000; ++i) flood += h2::ping();
  }
  SUBCASE("of settings") {
    for (int i = 0; i < 2000; ++i) flood += h2::settings();
  }
  SUBCASE("of resets") {
    for (std::uint32_t id = 3; id < 4003; id += 2) {
      flood += h2::headers(id, h2_head("POST", "/v1/chat/completions"), false) + h2::reset(id, 8);
    }
  }
  SUBCASE("of faults that make us reset") {
    for (std::uint32_t id = 3; id < 1003 && goaway_of(client) == -1; id += 2) {
      client.send(h2::headers(id, h2_head("POST", "/v1/chat/completions"), false) +
                  h2::window(id, 0x7fffffff));
      if (id % 40 == 1) scene.settle();
    }
  }
  SUBCASE("of empty frames") {
    flood += h2::headers(3, h2_head("POST", "/v1/chat/completions"), false);
    for (int i = 0; i < 2000; ++i) flood += h2::data(3, "", false);
  }
  SUBCASE("of pieces of a head") {
    flood += h2::frame(h2::kHeaders, 0, 3, h2::block(h2_head("GET", "/")));
    for (int i = 0; i < 10; ++i) flood += h2::frame(h2::kContinuation, 0, 3, "");
  }
  client.send(flood);
  CHECK(scene.run_until([&] { return goaway_of(client) == 11; }));
  CHECK(scene.run_until([&] { return scene.provider[0].ended; }));
  client.close();
  CHECK(scene.run_until([&] { return scene.worker->clients() == 0; }));
}

TEST_CASE("what is no HTTP/2 ends the connection by its code") {
  GatewayScene scene;
  std::int64_t code = 1;
  std::string bytes;
  SUBCASE("a frame on a stream that is none") {
    bytes = h2::data(0, "x", false);
  }
  SUBCASE("an even stream") {
    bytes = h2_models(2);
  }
  SUBCASE("a frame that is too large") {
    bytes = h2::frame(h2::kPing, 0, 0, std::string(20'000, 'x'));
    code = 6;
  }
  SUBCASE("a head that cannot be decoded") {
    bytes = h2::frame(h2::kHeaders, h2::kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff");
    code = 9;
  }
  Talker& client = scene.ask(h2_hello() + bytes);
  CHECK(scene.run_until([&] { return goaway_of(client) == code; }));
  client.close();
}

TEST_CASE("a worker that drains lets what runs finish, and takes nothing more") {
  GatewayScene scene;
  Talker& busy = scene.ask(h2_hello() + h2_chat(1, false));
  Talker& idle = scene.ask(h2_hello() + h2_models(1));
  REQUIRE(ends_on(scene, idle, 1));
  REQUIRE(scene.asked());
  scene.worker->move_to(Worker::Stage::draining);
  REQUIRE(scene.run_until([&] { return goaway_of(busy) == 0; }));
  CHECK(scene.run_until([&] { return idle.ended; }));
  CHECK(goaway_of(idle) == 0);
  busy.send(h2_models(3));
  CHECK(scene.run_until([&] { return heard_on(busy, 3).reset == 7; }));
  scene.provider[0].send(plain_answer("{\"x\":1}"));
  CHECK(scene.run_until([&] { return busy.ended; }));
  CHECK(heard_on(busy, 1).payload == "{\"x\":1}");
  CHECK(heard_on(busy, 1).ended);
  busy.close();
  idle.close();
  CHECK(scene.run_until([&] { return scene.worker->drained(); }));
}

TEST_CASE("at the end of a drain what still runs gets its terminal error") {
  GatewayScene scene;
  Talker& client = scene.ask(
      h2_hello() + h2_chat(1) + h2_chat(3, false) +
      h2::headers(5, h2_head("POST", "/v1/chat/completions", {{"content-length", "9"}}), false));
  REQUIRE(scene.run_until([&] { return scene.provider.count() == 2; }));
  REQUIRE(scene.asked(1));
  scene.provider[0].send(kStreamHead + chunk(kRoleEvent) + chunk(delta("a")));
  REQUIRE(scene.run_until([&] { return heard_on(client, 1).answered; }));
  scene.worker->move_to(Worker::Stage::draining);
  scene.run_for(kSecond);
  scene.worker->move_to(Worker::Stage::ending);
  CHECK(scene.run_until([&] { return client.ended; }));
  for (const std::uint32_t id : {1u, 3u, 5u}) {
    CAPTURE(id);
    CHECK(heard_on(client, id).ended);
    CHECK(heard_on(client, id).payload.find("\"error\"") != std::string::npos);
  }
}

TEST_CASE("a client that takes no bytes at all is cut after the write stall") {
  config::Limits limits;
  limits.write_stall_timeout = 2 * kSecond;
  GatewayScene scene(with_limits(limits));
  Talker& client = scene.ask(h2_hello({{4, 10'000'000}}) + h2::window(0, 10'000'000) + h2_chat(1));
  REQUIRE(scene.asked());
  client.set_reading(false);
  scene.provider[0].send(kStreamHead);
  for (int i = 0; i < 60; ++i) scene.provider[0].send(chunk(delta(std::string(20'000, 'x'))));
  CHECK(scene.run_until([&] { return scene.worker->clients() == 0; }, 10 * kSecond));
  CHECK(scene.io.counters().received_bytes < 600'000);
  CHECK(scene.run_until([&] { return scene.provider[0].ended; }));
}

TEST_CASE("one client too many is told so in HTTP/1.1, before it has said what it speaks") {
  server::WorkerOptions options;
  options.clients_max = 1;
  GatewayScene scene(one_provider(), config::HalfClose::cancel, options);
  Talker& first = scene.ask(h2_hello() + h2_models(1));
  REQUIRE(ends_on(scene, first, 1));
  Talker& second = scene.ask(h2_hello() + h2_models(1));
  CHECK(scene.heard(second, "HTTP/1.1 503 "));
}

TEST_CASE("a worker that is warm serves HTTP/2 without the heap") {
  GatewayScene scene;
  Talker& client = scene.ask(h2_hello());
  std::uint32_t id = 1;
  const auto round = [&] {
    client.send(h2_chat(id, false));
    REQUIRE(scene.asked(0, (id + 1) / 2));
    scene.provider[0].send(plain_answer("{\"x\":1}"));
    REQUIRE(ends_on(scene, client, id));
    id += 2;
    scene.records();
  };
  for (int i = 0; i < 20; ++i) round();
  const std::uint64_t before = scene.worker->shop().h2_memory.heap_calls();
  for (int i = 0; i < 50; ++i) round();
  if (kPooled) CHECK(scene.worker->shop().h2_memory.heap_calls() == before);
}

}  // namespace headrace::test
