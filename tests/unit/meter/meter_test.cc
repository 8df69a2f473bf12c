// Goal: records of one exchange agree on who they are and when it began.
#include "meter/meter.h"

#include <doctest/doctest.h>

#include <vector>

#include "telemetry/ring_memory.h"

namespace headrace::meter {
namespace {

Meter begun() {
  base::Uuid id{};
  id[0] = 7;
  Meter meter;
  meter.begin(id, 1'000'000, 500, 3);
  return meter;
}

}  // namespace

TEST_CASE("an attempt's record carries the identity of its request") {
  Meter meter = begun();
  meter.request().route = 4;
  meter.request().head_complete_ns = 10;
  const Record record = meter.attempt();
  CHECK(record.kind == RecordKind::attempt);
  CHECK(record.request_id[0] == 7);
  CHECK(record.start_ns == 500);
  CHECK(record.wall_start_ns == 1'000'000);
  CHECK(record.epoch == 3);
  CHECK(record.route == 4);
  CHECK(record.head_complete_ns == 10);
  CHECK(record.dispatched_ns == kNoStamp);
  CHECK(record.error == 0);
}

TEST_CASE("beginning forgets the request before") {
  Meter meter = begun();
  meter.request().flags = 1;
  meter.begin(base::Uuid{}, 1, 1, 1);
  CHECK(meter.request().flags == 0);
  CHECK(meter.request().kind == RecordKind::request);
}

TEST_CASE("stamps are counted from the start, and one that was never taken is absent") {
  const Meter meter = begun();
  CHECK(meter.offset(500) == 0);
  CHECK(meter.offset(750) == 250);
  CHECK(meter.offset(0) == kNoStamp);
}

TEST_CASE("lengths and sums stop at the largest value that says something") {
  CHECK(Meter::duration(5) == 5);
  CHECK(Meter::duration(-5) == 0);
  CHECK(Meter::duration(base::Nanos{1} << 40) == kNoDuration - 1);
  CHECK(Meter::sum(5) == 5);
  CHECK(Meter::sum(std::uint64_t{1} << 40) == UINT32_MAX);
}

TEST_CASE("an error is its code and whose doing it was") {
  Record record;
  Meter::set_error(record, base::upstream_error(base::Errc::upstream_reset));
  CHECK(record.error == 21);
  CHECK(record.blame == 1);
}

TEST_CASE("every record takes the next number, a lost one too") {
  auto memory =
      std::move(telemetry::RingMemory::create(telemetry::RecordRing::bytes_for(1)).value());
  telemetry::RecordRing ring;
  ring.format(memory.bytes(), 1, 0);
  Meter meter = begun();
  std::uint64_t sequence = 40;
  CHECK(meter.settle(meter.request(), ring, 2, sequence));
  CHECK_FALSE(meter.settle(meter.request(), ring, 2, sequence));
  CHECK(sequence == 42);
  std::vector<Record> out(2);
  REQUIRE(ring.pop(out) == 1);
  CHECK(out[0].sequence == 40);
  CHECK(out[0].worker == 2);
  CHECK(out[0].request_id[0] == 7);
}

}  // namespace headrace::meter
