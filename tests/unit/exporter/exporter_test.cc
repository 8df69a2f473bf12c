// Goal: a scrape tells everything that happened before it, in valid text, while workers go on
// writing. Method: two workers' rings filled by hand, then by a thread of their own beside run()
// (under TSan in CI).
#include "exporter/exporter.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "exposition_check.h"
#include "records.h"
#include "telemetry/ring_memory.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::ExpositionCheck;
using telemetry::RecordRing;
using telemetry::RingMemory;
using telemetry::WorkerCounters;

namespace {

constexpr std::size_t kCapacity = 256;

struct Worker {
  Worker() {
    auto made = RingMemory::create(RecordRing::bytes_for(kCapacity));
    REQUIRE(made.ok());
    memory = std::move(made.value());
    ring.format(memory.bytes(), kCapacity, 0);
  }
  bool push(std::uint16_t status = 200) {
    Record record;
    record.epoch = 1;
    record.route = 0;
    record.status = status;
    record.settled_ns = 1'000'000;
    return ring.push(record);
  }

  RingMemory memory;
  RecordRing ring;
  WorkerCounters counters;
};

struct Fixture {
  Fixture() {
    exporter.learn({.epoch = 1, .routes = {"fast"}, .targets = {"openai"}, .providers = {}});
  }

  std::array<Worker, 2> workers;
  Exporter exporter{
      {{&workers[0].ring, &workers[0].counters}, {&workers[1].ring, &workers[1].counters}},
      {{"version", "1.2.3"}, {"io_backend", "io_uring"}}};
};

const std::string kServed = R"(headrace_requests_total{route="fast",code="200",outcome="ok"})";

}  // namespace

TEST_CASE("a scrape sees every record pushed before it, from all workers") {
  Fixture f;
  for (int i = 0; i < 150; ++i) REQUIRE(f.workers[0].push());
  REQUIRE(f.workers[1].push());
  ExpositionCheck text(f.exporter.render(Format::prometheus));
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(kServed) == 151);
  REQUIRE(f.workers[1].push());
  CHECK(f.exporter.drain() == 1);
  CHECK(f.exporter.drain() == 0);
  CHECK(ExpositionCheck(f.exporter.render(Format::prometheus)).value(kServed) == 152);
}

TEST_CASE("both formats are valid, empty and full, and name what runs") {
  Fixture f;
  for (const Format format : {Format::prometheus, Format::openmetrics}) {
    const ExpositionCheck text(f.exporter.render(format), format == Format::openmetrics);
    CHECK(text.faults() == std::vector<std::string>{});
    CHECK(text.value(R"(headrace_build_info{version="1.2.3",io_backend="io_uring"})") == 1);
  }
  f.workers[0].push();
  for (const Format format : {Format::prometheus, Format::openmetrics}) {
    const ExpositionCheck text(f.exporter.render(format), format == Format::openmetrics);
    CHECK(text.faults() == std::vector<std::string>{});
    CHECK(text.value(kServed) == 1);
  }
}

TEST_CASE("counters of workers are summed, what belongs to one loop is told per worker") {
  Fixture f;
  f.workers[0].counters.enters.set(10);
  f.workers[1].counters.enters.set(5);
  f.workers[0].counters.inflight.set(2);
  f.workers[1].counters.upstream_idle.set(4);
  f.workers[1].counters.loop_lag_ns.set(1'500'000);
  const ExpositionCheck text(f.exporter.render(Format::prometheus));
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value("headrace_io_enters_total") == 15);
  CHECK(text.value("headrace_inflight") == 2);
  CHECK(text.value(R"(headrace_upstream_connections{state="idle"})") == 4);
  CHECK(text.value(R"(headrace_worker_loop_lag_seconds{worker="0"})") == 0);
  CHECK(text.value(R"(headrace_worker_loop_lag_seconds{worker="1"})").value() ==
        doctest::Approx(0.0015));
}

TEST_CASE("lost records are told") {
  Fixture f;
  for (std::size_t i = 0; i < kCapacity + 5; ++i) f.workers[1].push();
  const ExpositionCheck text(f.exporter.render(Format::prometheus));
  CHECK(text.value("headrace_events_dropped_total") == 5);
  CHECK(text.value(kServed) == kCapacity);
}

TEST_CASE("a failed reload is told, and the time stays that of the configuration that runs") {
  Fixture f;
  f.exporter.reloaded(true, 1000.5);
  f.exporter.reloaded(false, 2000);
  const ExpositionCheck text(f.exporter.render(Format::prometheus));
  CHECK(text.value("headrace_config_last_reload_successful") == 0);
  CHECK(text.value("headrace_config_last_reload_timestamp_seconds") == 1000.5);
}

TEST_CASE("every published family is documented, and nothing else") {
  Fixture f;
  const ExpositionCheck text(f.exporter.render(Format::prometheus));
  std::ifstream page("docs/metrics.md");
  REQUIRE(page.is_open());
  std::set<std::string> documented;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `") || line.starts_with("| `/")) continue;  // rows; not of probes
    const std::string name = line.substr(3, line.find_first_of("`{", 3) - 3);
    CAPTURE(name);
    const bool of_sinks =
        name.starts_with("headrace_audit_") || name.starts_with("headrace_log_lines_");
    CHECK((of_sinks || text.has_family(name)));
    documented.insert(name);
  }
  for (const auto& [name, type] : text.types()) {
    CAPTURE(name);
    CHECK(documented.contains(name));
  }
}

namespace {

struct SinkFixture {
  explicit SinkFixture(bool required = false) {
    Outputs outputs;
    outputs.sinks.push_back(std::make_unique<exporter_test::KeepingSink>(kept));
    outputs.required = required;
    exporter =
        std::make_unique<Exporter>(std::vector<Exporter::Worker>{{&worker.ring, &worker.counters}},
                                   Exporter::BuildInfo{},
                                   std::move(outputs));
    exporter->learn({.epoch = 1, .routes = {"fast"}, .targets = {"openai"}, .providers = {}});
  }

  exporter_test::KeptLines kept;
  Worker worker;
  std::unique_ptr<Exporter> exporter;
};

}  // namespace

TEST_CASE("a sink gets each request with its attempts, and records are released only then") {
  SinkFixture f;
  REQUIRE(f.worker.ring.push(exporter_test::attempt(1)));
  REQUIRE(f.worker.push());
  CHECK(f.exporter->drain() == 2);
  CHECK(f.kept.flushed.size() == 1);
  CHECK(f.worker.ring.released_position() == 0);  // the attempt still waits
  REQUIRE(f.worker.ring.push(exporter_test::request(1)));
  f.exporter->drain();
  REQUIRE(f.kept.flushed.size() == 2);
  CHECK(f.kept.flushed[1].find(R"("route":"fast")") != std::string::npos);
  CHECK(f.kept.flushed[1].find(R"("target":"openai")") != std::string::npos);
  CHECK(f.worker.ring.released_position() == 3);
  CHECK(ExpositionCheck(f.exporter->render(Format::prometheus)).value(kServed) == 2);
}

TEST_CASE("while a sink fails the ring keeps its records; near its end the sink gives up") {
  SinkFixture f;
  f.kept.works = false;
  for (std::size_t i = 0; i < kCapacity / 2; ++i) REQUIRE(f.worker.push());
  f.exporter->drain();
  CHECK(f.worker.ring.released_position() == 0);
  CHECK(f.kept.discarded == 0);
  for (std::size_t i = 0; i < kCapacity / 2; ++i) REQUIRE(f.worker.push());
  f.exporter->drain();
  CHECK(f.kept.discarded == kCapacity);
  CHECK(f.worker.push());
  CHECK(ExpositionCheck(f.exporter->render(Format::prometheus)).value(kServed) == kCapacity + 1);
}

TEST_CASE("a sink that is required never gives up, and what it missed it gets") {
  SinkFixture f(true);
  f.kept.works = false;
  f.kept.most = 100;
  for (std::size_t i = 0; i < kCapacity; ++i) REQUIRE(f.worker.push());
  f.exporter->drain();
  CHECK(f.kept.discarded == 0);
  CHECK(f.kept.written.size() >= 100);
  CHECK(f.kept.written.size() < kCapacity);  // the rest stays in the ring
  CHECK_FALSE(f.worker.push());
  f.kept.works = true;
  f.exporter->drain();
  f.exporter->drain();
  f.exporter->drain();
  CHECK(f.kept.flushed.size() == kCapacity);
  CHECK(f.worker.push());
}

TEST_CASE("when the exporter ends, attempts whose request never came go out alone") {
  SinkFixture f;
  REQUIRE(f.worker.ring.push(exporter_test::attempt(1)));
  f.exporter->stop();
  f.exporter->run();
  REQUIRE(f.kept.flushed.size() == 1);
  CHECK(f.kept.flushed[0].starts_with(R"({"kind":"attempt")"));
  CHECK(f.worker.ring.released_position() == 1);
}

TEST_CASE(
    "the exporter's thread drains beside writers and scrapes, and takes what is left when it "
    "stops") {
  constexpr std::uint64_t kRecords = 20'000;
  Fixture f;
  std::thread draining([&] { f.exporter.run(); });
  std::array<std::thread, 2> writers;
  std::atomic<int> running = 2;
  for (std::size_t i = 0; i < 2; ++i) {
    writers[i] = std::thread([&, i] {
      for (std::uint64_t n = 0; n < kRecords; ++n) {
        f.workers[i].counters.events_relayed.add();
        while (!f.workers[i].push()) std::this_thread::yield();
      }
      --running;
    });
  }
  while (running != 0) {
    CHECK(ExpositionCheck(f.exporter.render(Format::prometheus)).faults().empty());
  }
  for (auto& writer : writers) writer.join();
  f.workers[0].push();
  f.exporter.stop();
  draining.join();
  CHECK(f.exporter.drain() == 0);
  const ExpositionCheck text(f.exporter.render(Format::prometheus));
  CHECK(text.value(kServed) == 2 * kRecords + 1);
  CHECK(text.value("headrace_events_relayed_total") == 2 * kRecords);
}
