// Goal: workers on threads of their own start, serve, change configuration and end, and what they
// leave behind can be read afterwards. Method: real threads and loopback sockets, every wait
// bounded.
#include "server/fleet.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "net/listen.h"
#include "real_client.h"
#include "telemetry/ring_file.h"

namespace headrace::test {
namespace {

using server::Fleet;
using server::FleetOptions;
using server::Worker;
using server::WorkerListener;

const std::string kModels = "GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n";

config::Snapshot serving(const std::string& model, std::uint64_t epoch) {
  config::Snapshot snapshot;
  snapshot.providers.emplace_back().name = "p";
  config::Route route;
  route.model = model;
  route.targets.push_back({.name = "p", .provider = 0, .model = ""});
  snapshot.routes.push_back(route);
  snapshot.epoch = epoch;
  return snapshot;
}

struct Bench {
  explicit Bench(std::uint32_t workers) : fleet(options(workers)) {
    place = *net::parse_address("127.0.0.1:0");
    for (std::uint32_t i = 0; i < workers; ++i) {
      base::Result<int> fd = net::listen_on(place, {});
      REQUIRE(fd.ok());
      place = *net::bound_address(*fd);
      listeners.push_back({WorkerListener{.fd = *fd}});
    }
  }
  static FleetOptions options(std::uint32_t workers) {
    FleetOptions options;
    options.workers = workers;
    options.clients_max = 64;
    options.upstreams_max = 64;
    options.io.busy = io::BusyMode::off;
    return options;
  }
  std::size_t records() {
    std::vector<Record> out(64);
    std::size_t count = 0;
    for (std::size_t i = 0; i < fleet.size(); ++i) count += fleet.ring(i).pop(out);
    return count;
  }

  proxy::Registries registries;
  proxy::Rules rules{serving("m", 1), registries};
  proxy::Rules next{serving("n", 2), registries};
  net::Address place;
  std::vector<std::vector<WorkerListener>> listeners;
  Fleet fleet;
};

}  // namespace

TEST_CASE("a fleet is as large as configured, within what the host allows") {
  config::HostFacts host;
  host.affinity_cpus = 4;
  host.open_files = {1 << 20, 1 << 20};
  config::Snapshot snapshot;
  FleetOptions options = FleetOptions::of(snapshot, host);
  CHECK(options.workers == 4);
  CHECK(options.clients_max == snapshot.limits.client_connections);
  CHECK(options.io.busy == io::BusyMode::automatic);
  snapshot.workers = 2;
  snapshot.io = {.backend = config::Backend::epoll, .tiny = true, .compat = "6.1"};
  host.open_files = {1024, 1024};
  options = FleetOptions::of(snapshot, host);
  CHECK(options.workers == 2);
  CHECK(options.io.wish == io::BackendWish::epoll);
  CHECK(options.io.tiny);
  CHECK(options.io.compat_61);
  // Two connections a request and one a refusal, of two workers, and the process's own files.
  CHECK(options.refusals_max == 64);
  CHECK(2 * (2 * options.clients_max + options.refusals_max) < 1024);
  CHECK(2 * (2 * options.clients_max + options.refusals_max) > 1024 - 48);
  host.open_files = {8, 8};
  CHECK(FleetOptions::of(snapshot, host).clients_max == 1);
}

TEST_CASE("every worker serves, and records stay readable when the threads are gone") {
  for (const std::uint32_t workers : {1u, 3u}) {
    Bench bench(workers);
    REQUIRE(bench.fleet.start(bench.rules, bench.listeners).ok());
    for (int i = 0; i < 12; ++i) {
      RealClient client(bench.place);
      client.send(kModels);
      CHECK(client.hears("\"id\":\"m\""));
    }
    CHECK_FALSE(bench.fleet.ended());
    bench.fleet.move_to(Worker::Stage::stopped);
    CHECK(soon([&] { return bench.fleet.ended(); }));
    bench.fleet.join();
    CHECK(bench.records() == 12);
  }
}

TEST_CASE("a worker goes on in the ring that it is given, and with its numbers") {
  Bench bench(1);
  auto opened = telemetry::private_ring(0, 64);
  REQUIRE(opened.has_value());
  telemetry::RecordRing before;
  REQUIRE(before.attach(opened->memory.bytes()).ok());
  for (int i = 0; i < 3; ++i) REQUIRE(before.push(Record{}));
  Record record;
  while (before.pop({&record, 1}) != 0) {
  }
  std::vector<telemetry::RingMemory> rings;
  rings.push_back(std::move(opened->memory));
  Fleet fleet(Bench::options(1), std::move(rings));
  CHECK(fleet.ring(0).id() == before.id());
  REQUIRE(fleet.start(bench.rules, bench.listeners).ok());
  RealClient client(bench.place);
  client.send(kModels);
  CHECK(client.hears("\"id\":\"m\""));
  fleet.move_to(Worker::Stage::stopped);
  fleet.join();
  REQUIRE(fleet.ring(0).pop({&record, 1}) == 1);
  CHECK(record.sequence == 3);
}

TEST_CASE("a new configuration reaches every worker, and the old one is given back") {
  Bench bench(2);
  REQUIRE(bench.fleet.start(bench.rules, bench.listeners).ok());
  CHECK(bench.fleet.oldest_epoch_in_use() == 1);
  bench.fleet.publish(bench.next);
  CHECK(soon([&] { return bench.fleet.oldest_epoch_in_use() == 2; }));
  for (int i = 0; i < 8; ++i) {
    RealClient client(bench.place);
    client.send(kModels);
    const bool heard = client.hears("\"id\":\"n\"");
    CAPTURE(client.heard);
    CHECK(heard);
  }
}

TEST_CASE("a drain ends when the last client has gone") {
  Bench bench(2);
  REQUIRE(bench.fleet.start(bench.rules, bench.listeners).ok());
  auto client = std::make_unique<RealClient>(bench.place);
  client->send(kModels.substr(0, 10));  // in the middle of its request
  CHECK(soon([&] {
    return bench.fleet.counters(0).clients_open.get() +
               bench.fleet.counters(1).clients_open.get() ==
           1;
  }));
  bench.fleet.move_to(Worker::Stage::draining);
  client->send(kModels.substr(10));
  CHECK(client->hears("HTTP/1.1 503 "));
  CHECK(client->hears_end());
  client.reset();
  CHECK(soon([&] { return bench.fleet.drained(); }));
  CHECK_FALSE(bench.fleet.ended());
  RealClient late(bench.place);
  CHECK_FALSE(late.connected());
}

TEST_CASE("a fleet that is destroyed ends its threads first") {
  Bench bench(2);
  REQUIRE(bench.fleet.start(bench.rules, bench.listeners).ok());
  RealClient client(bench.place);
  client.send(kModels);
  CHECK(client.hears("]}"));
}

TEST_CASE("what is said to a fleet that has ended goes nowhere") {
  Bench bench(1);
  REQUIRE(bench.fleet.start(bench.rules, bench.listeners).ok());
  bench.fleet.move_to(Worker::Stage::stopped);
  CHECK(soon([&] { return bench.fleet.ended(); }));
  bench.fleet.publish(bench.next);
  bench.fleet.move_to(Worker::Stage::stopped);
  CHECK(bench.fleet.drained());
}

}  // namespace headrace::test
