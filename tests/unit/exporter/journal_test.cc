// Goal: whatever outlives a crash is found again, and the start is refused rather than a promise
// broken. Method: journals opened, left without an orderly end, and opened again.
#include "exporter/journal.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "exporter/exporter.h"
#include "records.h"
#include "scratch_dir.h"
#include "telemetry/counters.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::attempt;
using exporter_test::count_of;
using exporter_test::numbered;
using exporter_test::request;
using headrace_test::read_text;
using telemetry::RecordRing;

namespace {

constexpr std::size_t kCapacity = 64;

struct Place {
  Place() {
    snapshot.state_dir = scratch.file("state");
    snapshot.audit.path = scratch.file("audit.jsonl");
  }
  std::unique_ptr<Journal> open(std::uint32_t workers = 1) {
    return Journal::open(snapshot, workers, fault, kCapacity);
  }
  std::string audit() const { return read_text(snapshot.audit.path); }

  headrace_test::ScratchDir scratch;
  config::Snapshot snapshot;
  std::string fault;
};

}  // namespace

TEST_CASE("what was left in the rings is in the audit once the next journal is open") {
  Place place;
  {
    auto journal = place.open(2);
    REQUIRE_MESSAGE(journal != nullptr, place.fault);
    CHECK(journal->rings_outlive_us());
    CHECK(journal->next_epoch() == 1);
    REQUIRE(journal->learn({.epoch = 1, .routes = {"gpt-*"}, .targets = {}, .providers = {}}).ok());
    for (std::uint32_t worker = 0; worker < 2; ++worker) {
      const telemetry::RingMemory memory = journal->take_ring(worker);
      RecordRing ring;
      REQUIRE(ring.attach(memory.bytes()).ok());
      CHECK(ring.worker() == worker);
      REQUIRE(ring.push(numbered(request(worker), ring.next_sequence())));
    }
  }
  // One worker less than before: its ring is emptied all the same, and gone.
  auto journal = place.open(1);
  REQUIRE_MESSAGE(journal != nullptr, place.fault);
  CHECK(journal->replayed().entries == 2);
  CHECK(count_of(place.audit(), "\n") == 2);
  CHECK(count_of(place.audit(), R"("route":"gpt-*")") == 2);
  CHECK_FALSE(std::filesystem::exists(place.scratch.file("state/ring-1")));
  CHECK(journal->next_epoch() == 2);
  const telemetry::RingMemory memory = journal->take_ring(0);
  RecordRing ring;
  REQUIRE(ring.attach(memory.bytes()).ok());
  CHECK(ring.next_sequence() == 1);
  Record record;
  CHECK(ring.pop({&record, 1}) == 0);
}

TEST_CASE("an exporter that dies after writing lines and before releasing leaves no second line") {
  Place place;
  telemetry::WorkerCounters counters;
  {
    auto journal = place.open();
    REQUIRE(journal != nullptr);
    const telemetry::RingMemory memory = journal->take_ring(0);
    RecordRing worker;
    REQUIRE(worker.attach(memory.bytes()).ok());
    REQUIRE(worker.push(numbered(attempt(1), 0)));  // holds everything behind it in the ring
    REQUIRE(worker.push(numbered(request(2), 1)));
    REQUIRE(worker.push(numbered(request(3), 2)));
    Exporter exporter({{&worker, &counters}}, {}, {.sinks = journal->take_sinks()});
    CHECK(exporter.drain() == 3);
    CHECK(count_of(place.audit(), "\n") == 2);
    CHECK(worker.released_position() == 0);
    REQUIRE(worker.push(numbered(request(1), 3)));
  }
  REQUIRE(place.open() != nullptr);
  CHECK(count_of(place.audit(), "\n") == 3);
  for (const char* once :
       {"\"sequence\":0,", "\"sequence\":1,", "\"sequence\":2,", "\"sequence\":3,"})
    CHECK(count_of(place.audit(), once) == 1);
  CHECK(count_of(place.audit(), "\"kind\":\"attempt\"") == 0);
}

TEST_CASE("without a usable state directory the rings are private, or the start is refused") {
  Place place;
  place.snapshot.state_dir = place.scratch.file("no/such/place");
  auto journal = place.open();
  REQUIRE(journal != nullptr);
  CHECK_FALSE(journal->rings_outlive_us());
  CHECK(journal->next_epoch() == 1);
  CHECK(journal->learn({}).ok());
  const telemetry::RingMemory memory = journal->take_ring(0);
  RecordRing ring;
  CHECK(ring.attach(memory.bytes()).ok());
  journal.reset();
  place.snapshot.audit.required = true;
  CHECK(place.open() == nullptr);
  CHECK(place.fault.starts_with("audit.required: records would not outlive a crash"));
}

TEST_CASE("an audit file that cannot be opened refuses the start") {
  Place place;
  place.snapshot.audit.path = place.scratch.path();
  CHECK(place.open() == nullptr);
  CHECK(place.fault.starts_with("audit.path: "));
}

TEST_CASE("a ring of another version is put aside, or refuses the start") {
  Place place;
  REQUIRE(place.open() != nullptr);
  const std::string file = place.scratch.file("state/ring-0");
  headrace_test::write_text(file, "strange");
  place.snapshot.audit.required = true;
  CHECK(place.open() == nullptr);
  headrace_test::write_text(file, "strange");
  place.snapshot.audit.required = false;
  CHECK(place.open() != nullptr);
}

TEST_CASE("without an audit file what was left is given up, and the ring goes on") {
  Place place;
  place.snapshot.audit.path.clear();
  {
    auto journal = place.open();
    REQUIRE(journal != nullptr);
    CHECK(journal->take_sinks().empty());
    const telemetry::RingMemory memory = journal->take_ring(0);
    RecordRing ring;
    REQUIRE(ring.attach(memory.bytes()).ok());
    REQUIRE(ring.push(request(1)));
  }
  auto journal = place.open();
  REQUIRE(journal != nullptr);
  CHECK(journal->replayed().records == 1);
  CHECK(journal->replayed().entries == 0);
}

TEST_CASE("a directory in use leaves the second process private rings") {
  Place place;
  const auto first = place.open();
  REQUIRE(first != nullptr);
  place.snapshot.audit.path = place.scratch.file("other.jsonl");
  const auto second = place.open();
  REQUIRE_MESSAGE(second != nullptr, place.fault);
  CHECK(first->rings_outlive_us());
  CHECK_FALSE(second->rings_outlive_us());
  place.snapshot.audit.required = true;
  CHECK(place.open() == nullptr);
  CHECK(place.fault.find("in use by another process") != std::string::npos);
}

TEST_CASE("the request log is a sink of its own") {
  Place place;
  place.snapshot.log_requests = true;
  auto journal = place.open();
  REQUIRE(journal != nullptr);
  CHECK(journal->take_sinks().size() == 2);
}
