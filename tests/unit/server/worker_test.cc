// Goal: a worker's own duties: the bound on clients, a new configuration beside the old, the stages
// of the end, what it publishes. Method: the worker in the simulated world, turn by turn.
#include "server/worker.h"

#include <doctest/doctest.h>

#include <string>

#include "gateway_scene.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;
using server::Worker;

const std::string kModels = "GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n";

server::WorkerOptions with_clients(std::size_t most) {
  server::WorkerOptions options;
  options.clients_max = most;
  return options;
}

}  // namespace

TEST_CASE("one client too many is told so, and the others do not notice") {
  GatewayScene scene(one_provider(), config::HalfClose::cancel, with_clients(2));
  Talker& first = scene.ask(kModels);
  Talker& second = scene.ask(kModels);
  REQUIRE(scene.heard(first, "]}"));
  REQUIRE(scene.heard(second, "]}"));
  Talker& third = scene.ask(kModels);
  CHECK(scene.run_until([&] { return third.saw_eof(); }));
  CHECK(third.heard.starts_with("HTTP/1.1 503 "));
  CHECK(third.has("retry-after: 1\r\n"));
  CHECK(scene.tally().clients_refused == 1);
  first.send(kModels);
  CHECK(scene.run_until([&] { return first.count("]}") == 2; }));
  second.close();
  third.close();
  scene.settle();
  Talker& fourth = scene.ask(kModels);
  CHECK(scene.heard(fourth, "]}"));
}

TEST_CASE("even refusals are bounded: beyond them connections are just closed") {
  GatewayScene scene(one_provider(), config::HalfClose::cancel, with_clients(1));
  scene.dial();
  scene.settle();
  for (int i = 0; i < 200; ++i) scene.dial();
  scene.settle();
  CHECK(scene.tally().clients_refused == 200);
  CHECK(scene.worker->clients() <= 65);
  int told = 0;
  for (const auto& client : scene.clients) told += client->has("503") ? 1 : 0;
  CHECK(told == 64);
}

TEST_CASE("a request ends under the configuration it began with, the next one has the new") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  config::Snapshot fresh = one_provider();
  fresh.epoch = 2;
  fresh.routes[0].model = "other";
  const proxy::Rules next(std::move(fresh), scene.registries);
  CHECK(scene.worker->epoch_in_use() == 1);
  scene.worker->publish(next);
  scene.run_for(kSecond);
  CHECK(scene.worker->epoch_in_use() == 1);
  scene.provider[0].send(plain_answer("{}"));
  REQUIRE(scene.heard(client, "\r\n\r\n{}"));
  scene.run_for(2 * kSecond);
  CHECK(scene.worker->epoch_in_use() == 2);
  const std::vector<Record> records = scene.records();
  REQUIRE(records.size() == 2);
  CHECK(records[1].epoch == 1);
  client.send(chat(false));
  REQUIRE(scene.heard(client, "HTTP/1.1 404 "));
  scene.settle();
  CHECK(scene.records().at(0).epoch == 2);
  scene.worker->move_to(Worker::Stage::stopped);
  REQUIRE(scene.run_until([&] { return scene.worker->quiet(); }));
}

TEST_CASE("pooled connections survive a new configuration") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.provider[0].send(plain_answer("{}"));
  REQUIRE(scene.heard(client, "\r\n\r\n{}"));
  config::Snapshot fresh = one_provider();
  fresh.epoch = 2;
  const proxy::Rules next(std::move(fresh), scene.registries);
  scene.worker->publish(next);
  scene.settle();
  client.send(chat(false));
  CHECK(scene.asked(0, 2));
  scene.worker->move_to(Worker::Stage::stopped);
  REQUIRE(scene.run_until([&] { return scene.worker->quiet(); }));
}

TEST_CASE(
    "a worker is drained when its last client has gone, and quiet when everything is closed") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  CHECK_FALSE(scene.worker->drained());
  scene.worker->move_to(Worker::Stage::draining);
  scene.run_for(kSecond);
  CHECK_FALSE(scene.worker->drained());
  scene.provider[0].send(plain_answer("{}"));
  REQUIRE(scene.run_until([&] { return client.saw_eof(); }));
  client.close();
  CHECK(scene.run_until([&] { return scene.worker->drained(); }));
  CHECK_FALSE(scene.worker->quiet());
  CHECK_FALSE(scene.provider[0].ended);
  scene.worker->move_to(Worker::Stage::stopped);
  CHECK(scene.run_until([&] { return scene.worker->quiet(); }));
  scene.settle();
  CHECK(scene.provider[0].ended);
}

TEST_CASE("a worker without clients is drained at once") {
  GatewayScene scene;
  scene.worker->move_to(Worker::Stage::draining);
  CHECK(scene.run_until([&] { return scene.worker->drained(); }));
}

TEST_CASE("a client that never reads cannot hold up the last stage") {
  GatewayScene scene;
  Talker& client = scene.ask(chat());
  REQUIRE(scene.asked());
  client.set_reading(false);
  std::string stream = kStreamHead;
  while (stream.size() < 1'000'000) stream += chunk(delta(std::string(4000, 'x')));
  scene.provider[0].send(stream);
  scene.run_for(kSecond);
  scene.worker->move_to(Worker::Stage::ending);
  scene.run_for(kSecond);
  CHECK_FALSE(scene.worker->drained());
  scene.worker->move_to(Worker::Stage::stopped);
  CHECK(scene.run_until([&] { return scene.worker->quiet(); }, kSecond));
}

TEST_CASE("the counters follow within milliseconds, also when nothing more happens") {
  GatewayScene scene;
  Talker& client = scene.ask(chat(false));
  REQUIRE(scene.asked());
  scene.run_for(20 * kMillisecond);
  CHECK(scene.counters.clients_open.get() == 1);
  CHECK(scene.counters.inflight.get() == 1);
  CHECK(scene.counters.upstream_busy.get() == 1);
  CHECK(scene.counters.connects.get() == 1);
  scene.provider[0].send(plain_answer("{}"));
  REQUIRE(scene.heard(client, "\r\n\r\n{}"));
  scene.run_for(20 * kMillisecond);
  CHECK(scene.counters.inflight.get() == 0);
  CHECK(scene.counters.upstream_idle.get() == 1);
  CHECK(scene.counters.sent_bytes.get() == scene.io.counters().sent_bytes);
  client.close();
  scene.run_for(20 * kMillisecond);
  CHECK(scene.counters.clients_open.get() == 0);
  CHECK(scene.counters.clients_accepted.get() == 1);
}

TEST_CASE("a worker with nothing to do still says that it lives, about once a second") {
  GatewayScene scene;
  scene.run_for(5 * kSecond);
  const std::uint64_t turns = scene.io.counters().turns;
  scene.run_for(20 * kSecond);
  CHECK(scene.io.counters().turns - turns < 60);
  CHECK(static_cast<base::Nanos>(scene.counters.last_tick_ns.get()) >
        scene.net.now() - 2 * kSecond);
}

}  // namespace headrace::test
