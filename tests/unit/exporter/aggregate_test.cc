// Goal: the whole aggregate is valid text in both formats, stays bounded whatever records say, and
// allocates nothing for records like those it has seen. Method: records of every kind, value and
// mood; allocations counted over `new`.
#include "exporter/aggregate.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/prng.h"
#include "totals.h"

using namespace headrace;
using namespace headrace::exporter;
using base::Blame;
using base::Errc;
using exporter_test::ExpositionCheck;
using exporter_test::scrape;
using exporter_test::some_names;

namespace {

thread_local std::uint64_t allocations = 0;

// One of each: served, retried, failed over, refused, cut, abandoned, priced and not.
std::vector<Record> one_of_each() {
  using exporter_test::attempt;
  using exporter_test::failed;
  using exporter_test::request;
  using exporter_test::with_tokens;
  std::vector<Record> records;
  std::uint64_t number = 0;
  for (int error = 0; error <= static_cast<int>(base::kLastErrc); ++error) {
    ++number;
    const auto code = static_cast<Errc>(error);
    const auto blame = static_cast<Blame>(error % 3);
    records.push_back(failed(attempt(number, 0), code, blame, 429));
    records.push_back(failed(attempt(number, 1), code, blame));
    records.push_back(with_tokens(attempt(number, 2), {{TokenClass::output, 5}}));
    records.back().target = 1;
    records.back().cost_picodollars = 5;
    records.back().first_useful_event_ns = 5'000;
    records.push_back(with_tokens(failed(request(number), code, blame), {{TokenClass::input, 5}}));
    records.back().attempts = 3;
    records.back().target = 1;
    records.back().key = 0;
    records.back().cost_picodollars = 5;
  }
  return records;
}

}  // namespace

// The thread sanitizer brings a `new` of its own, which cannot be replaced: there nothing is
// counted.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HEADRACE_NEW_IS_TAKEN
#endif
#endif

#ifdef HEADRACE_NEW_IS_TAKEN
constexpr bool kCounted = false;
#else
constexpr bool kCounted = true;
// Not inlined, or the compiler takes free() and new for a mismatched pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#endif

TEST_CASE("records of another version or kind are left alone") {
  const Names names = some_names();
  Aggregate aggregate;
  Record record = exporter_test::request(1);
  record.version = kRecordVersion + 1;
  aggregate.add(record, names);
  record = exporter_test::request(1);
  record.kind = static_cast<RecordKind>(9);
  aggregate.add(record, names);
  record.kind = RecordKind::text;
  aggregate.add(record, names);
  const ExpositionCheck text = scrape(aggregate, names);
  CHECK(text.sum("headrace_requests_total") == 0);
  CHECK(text.sum("headrace_attempts_total") == 0);
}

TEST_CASE("a request is counted as one and its attempts as attempts, and both say the same cost") {
  const Names names = some_names();
  Aggregate aggregate;
  for (const Record& record : one_of_each()) aggregate.add(record, names);
  const std::size_t requests = one_of_each().size() / 4;
  for (const Format format : {Format::prometheus, Format::openmetrics}) {
    const ExpositionCheck text = scrape(aggregate, names, format);
    CHECK(text.faults() == std::vector<std::string>{});
    CHECK(text.sum("headrace_requests_total") == requests);
    CHECK(text.sum("headrace_target_requests_total") == requests);
    CHECK(text.sum("headrace_key_requests_total") == requests);
    CHECK(text.sum("headrace_attempts_total") == 3 * requests);
    CHECK(text.sum("headrace_tokens_total") == 5 * requests);
    CHECK(text.sum("headrace_key_tokens_total") == 5 * requests);
    CHECK(text.sum("headrace_cost_usd_total") == text.sum("headrace_key_cost_usd_total"));
    CHECK(text.sum("headrace_metrics_records_folded_total") == 0);
  }
}

TEST_CASE("a record like one that was seen allocates nothing") {
  const Names names = some_names();
  Aggregate aggregate;
  const std::vector<Record> records = one_of_each();
  for (const Record& record : records) aggregate.add(record, names);
  const std::uint64_t before = allocations;
  for (int round = 0; round < 10; ++round) {
    for (const Record& record : records) aggregate.add(record, names);
  }
  CHECK(allocations == before);
  const std::string seen(100, 'x');  // the counter counts
  CHECK((!kCounted || allocations > before));
}

TEST_CASE("whatever bytes a record holds, the text is valid and its size bounded") {
  Names names;
  Dictionary many;
  many.epoch = 1;
  for (std::size_t i = 0; i < 1000; ++i) {
    many.routes.push_back("route\n\"" + std::to_string(i) + "\xff");
    many.targets.push_back("target\\" + std::to_string(i));
    many.keys.push_back("key" + std::to_string(i));
  }
  names.learn(many);
  Aggregate aggregate;
  base::Prng random(7);
  for (int i = 0; i < 200'000; ++i) {
    Record record;
    std::uint64_t words[sizeof(Record) / sizeof(std::uint64_t)];
    for (std::uint64_t& word : words) word = random.next();
    std::memcpy(&record, words, sizeof record);
    record.version = kRecordVersion;
    record.kind = (random.next() & 1) != 0 ? RecordKind::request : RecordKind::attempt;
    record.epoch = 1;
    record.route %= 1100;
    record.target %= 1100;
    record.key %= 1100;
    aggregate.add(record, names);
  }
  for (const Format format : {Format::prometheus, Format::openmetrics}) {
    const ExpositionCheck text = scrape(aggregate, names, format);
    CHECK(text.faults() == std::vector<std::string>{});
    CHECK(text.sum("headrace_requests_total") + text.sum("headrace_attempts_total") == 200'000);
    CHECK(text.sum("headrace_metrics_records_folded_total") > 0);
    for (const auto& [family, count] : text.samples_by_name()) {
      CAPTURE(family);
      // Tokens have a sample for each class, reported and estimated; histograms for each bound.
      const std::size_t each = family.find("tokens") != std::string::npos     ? 2 * kTokenClasses
                               : family.find("attempt_") != std::string::npos ? 4
                                                                              : 1;
      const bool timed = family.ends_with("_bucket");
      const std::size_t rows =
          timed ? base::limits::kMetricTimedNames * 21 : base::limits::kMetricSeries * each;
      CHECK(count <= rows + 1000);
    }
  }
}
