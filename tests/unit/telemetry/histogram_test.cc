// Goal: a length of time is found again within 3 %, and what Prometheus is told never contradicts
// itself. Method: every bucket boundary, and random values against their sorted list.
#include "telemetry/histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/prng.h"

using headrace::telemetry::Histogram;

namespace {

// Log-uniform over the whole range, 100 ns .. 1000 s.
std::vector<std::uint64_t> log_uniform_values(std::size_t count) {
  headrace::base::Prng prng(7);
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(prng.next() >> 11) / 9007199254740992.0;
    values.push_back(static_cast<std::uint64_t>(100.0 * std::pow(1e10, share)));
  }
  return values;
}

}  // namespace

TEST_CASE("buckets tile the range without gap or overlap") {
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    const std::uint64_t begin = Histogram::bucket_begin(i);
    const std::uint64_t end = Histogram::bucket_begin(i + 1);
    REQUIRE(begin < end);
    REQUIRE(Histogram::bucket_of(begin) == i);
    REQUIRE(Histogram::bucket_of(end - 1) == i);
    if (begin >= 1024)
      REQUIRE(static_cast<double>(end - begin) / static_cast<double>(begin) <= 1.0 / 32);
  }
  CHECK(Histogram::bucket_begin(0) == 0);
  CHECK(Histogram::bucket_begin(Histogram::kBuckets) == Histogram::kMax + 1);
  CHECK(Histogram::bucket_of(UINT64_MAX) == Histogram::kBuckets - 1);
}

TEST_CASE("quantiles are within two per cent of the sorted list's") {
  std::vector<std::uint64_t> values = log_uniform_values(20000);
  Histogram histogram;
  for (const auto value : values) histogram.add(value);
  std::sort(values.begin(), values.end());
  for (const double q : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    CAPTURE(q);
    CHECK(std::abs(static_cast<double>(histogram.quantile(q)) - exact) <=
          std::max(16.0, exact * 0.02));
  }
  CHECK(histogram.quantile(1.0) <= histogram.max());
  CHECK(histogram.quantile(0.0) >= histogram.min());
}

TEST_CASE("count, sum, smallest and largest are exact") {
  Histogram histogram;
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.min() == 0);
  std::uint64_t sum = 0;
  for (const std::uint64_t value :
       {0ull, 31ull, 1023ull, 1024ull, 5'000'000ull, 2'000'000'000'000ull}) {
    histogram.add(value);
    sum += value;
  }
  CHECK(histogram.count() == 6);
  CHECK(histogram.sum() == sum);
  CHECK(histogram.min() == 0);
  CHECK(histogram.max() == 2'000'000'000'000ull);
}

TEST_CASE("a merged histogram is the histogram of all values") {
  const std::vector<std::uint64_t> values = log_uniform_values(3000);
  Histogram whole;
  std::array<Histogram, 3> parts;
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole.add(values[i]);
    parts[i % 3].add(values[i]);
  }
  Histogram merged;
  for (const auto& part : parts) merged.merge(part);
  CHECK(merged.count() == whole.count());
  CHECK(merged.sum() == whole.sum());
  CHECK(merged.min() == whole.min());
  CHECK(merged.max() == whole.max());
  for (const double q : {0.0, 0.25, 0.5, 0.75, 1.0}) CHECK(merged.quantile(q) == whole.quantile(q));
}

TEST_CASE("cumulative counts rise and are off by no more than the values near the bound") {
  const std::vector<std::uint64_t> values = log_uniform_values(20000);
  Histogram histogram;
  for (const auto value : values) histogram.add(value);
  const std::array<std::uint64_t, 7> bounds = {
      5'000, 20'000, 1'000'000, 50'000'000, 1000000000, 30'000'000'000, 999'999'999'999};
  std::array<std::uint64_t, 7> counts{};
  histogram.cumulative(bounds, counts);
  std::uint64_t previous = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const auto at_most = [&](double factor) {
      return static_cast<std::uint64_t>(
          std::count_if(values.begin(), values.end(), [&](std::uint64_t v) {
            return static_cast<double>(v) <= static_cast<double>(bounds[i]) * factor;
          }));
    };
    CAPTURE(bounds[i]);
    CHECK(counts[i] >= at_most(0.97));
    CHECK(counts[i] <= at_most(1.03));
    CHECK(counts[i] >= previous);
    previous = counts[i];
  }
  CHECK(previous <= histogram.count());
}

TEST_CASE("a value beyond the range is under no bound") {
  Histogram histogram;
  histogram.add(UINT64_MAX / 4);
  const std::array<std::uint64_t, 2> bounds = {1'000, UINT64_MAX / 8};
  std::array<std::uint64_t, 2> counts{};
  histogram.cumulative(bounds, counts);
  CHECK(counts[0] == 0);
  CHECK(counts[1] == 0);
  CHECK(histogram.count() == 1);
}
