// Goal: every attempt finds its request, whatever stands between them, and what waits is bounded.
// Method: records of several requests, interleaved by hand.
#include "exporter/assembler.h"

#include <doctest/doctest.h>

#include "records.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::attempt;
using exporter_test::request;

namespace {

struct Bench {
  explicit Bench(std::size_t capacity = 1024) : assembler(7, capacity) {}
  void take(const Record& record) {
    assembler.take(position++, record, [this](Entry& entry) { entries.push_back(entry); });
  }
  void finish() {
    assembler.finish([this](Entry& entry) { entries.push_back(entry); });
  }
  std::uint64_t held() { return assembler.held_from(position); }

  Assembler assembler;
  std::uint64_t position = 0;
  std::vector<Entry> entries;
};

}  // namespace

TEST_CASE("attempts wait for their request among those of others") {
  Bench bench;
  bench.take(attempt(1, 0));
  bench.take(attempt(2, 0));
  bench.take(attempt(1, 1));
  bench.take(request(3));  // refused: no attempt
  CHECK(bench.held() == 0);
  bench.take(request(1));
  CHECK(bench.held() == 1);
  bench.take(request(2));
  CHECK(bench.held() == bench.position);
  REQUIRE(bench.entries.size() == 3);
  CHECK(bench.entries[0].attempts.empty());
  CHECK(bench.entries[0].ring == 7);
  REQUIRE(bench.entries[1].attempts.size() == 2);
  CHECK(bench.entries[1].attempts[1].record.attempt == 1);
  CHECK(bench.entries[2].attempts.size() == 1);
  CHECK(bench.assembler.waiting() == 0);
}

TEST_CASE("text slots find their attempt and their request") {
  Bench bench;
  bench.take(telemetry::as_record(telemetry::text_slot(attempt(1, 1), {}, "req_1")));
  bench.take(attempt(1, 0));
  bench.take(attempt(1, 1));
  bench.take(telemetry::as_record(telemetry::text_slot(request(1), "gpt", "req_1")));
  bench.take(request(1));
  REQUIRE(bench.entries.size() == 1);
  const Entry& entry = bench.entries[0];
  REQUIRE(entry.request->text.has_value());
  CHECK(telemetry::model_of(*entry.request->text) == "gpt");
  CHECK_FALSE(entry.attempts[0].text.has_value());
  REQUIRE(entry.attempts[1].text.has_value());
  CHECK(telemetry::provider_id_of(*entry.attempts[1].text) == "req_1");
}

TEST_CASE(
    "an attempt that holds back a quarter of the ring goes out alone, and its request later") {
  Bench bench(64);
  bench.take(attempt(1, 0));
  for (std::uint64_t i = 0; i < 15; ++i) bench.take(request(100 + i));
  CHECK(bench.held() == 0);
  bench.take(request(200));
  CHECK(bench.held() == bench.position);
  REQUIRE(bench.entries.size() == 17);
  CHECK_FALSE(bench.entries.back().request.has_value());
  CHECK(bench.entries.back().attempts.size() == 1);
  bench.take(attempt(1, 1));
  bench.take(request(1));
  CHECK(bench.entries.back().request.has_value());
  CHECK(bench.entries.back().attempts.size() == 1);
}

TEST_CASE("what still waits at the end goes out as it is; a text slot alone is nothing") {
  Bench bench;
  bench.take(attempt(5, 0));
  bench.take(telemetry::as_record(telemetry::text_slot(request(6), "m", {})));
  bench.finish();
  REQUIRE(bench.entries.size() == 1);
  CHECK(bench.entries[0].attempts.size() == 1);
  CHECK(bench.assembler.waiting() == 0);
  CHECK(bench.held() == bench.position);
}

TEST_CASE("records of other versions and kinds are passed over") {
  Bench bench;
  Record strange = request(1);
  strange.version = 2;
  bench.take(strange);
  strange.version = kRecordVersion;
  strange.kind = static_cast<RecordKind>(99);
  bench.take(strange);
  CHECK(bench.entries.empty());
  CHECK(bench.held() == bench.position);
}
