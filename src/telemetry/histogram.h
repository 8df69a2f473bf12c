// Histogram: how often a length of time occurred, in log-linear buckets: 32 to every power of two,
// so that a value is known to about 3 % from 1 µs up; below 1024 ns the buckets are 32 ns wide.
// Values above kMax count in the last bucket. Count, sum, smallest and largest are exact.
//
// One writer, no atomics: it lives on the exporter's side of the rings. 8 KiB each; merging and
// reading walk all buckets and are for scrape time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace headrace::telemetry {

class Histogram {
 public:
  static constexpr unsigned kSubBits = 5;      // 32 buckets a power of two
  static constexpr unsigned kLinearBits = 10;  // below 1024 ns: linear
  static constexpr unsigned kMaxBits = 40;     // up to 1099 s
  static constexpr std::uint64_t kMax = (1ull << kMaxBits) - 1;
  static constexpr std::size_t kBuckets = (kMaxBits - kLinearBits + 1) << kSubBits;

  void add(std::uint64_t nanos);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }

  // The value below which a share `q` (0..1) of all values lies; 0 when there are none.
  std::uint64_t quantile(double q) const;

  // For each bound (nanoseconds, ascending) how many values are at most that: Prometheus'
  // cumulative buckets. A bound inside one of our buckets takes all of it or nothing, by its
  // middle.
  void cumulative(std::span<const std::uint64_t> bounds, std::span<std::uint64_t> counts) const;

  static std::size_t bucket_of(std::uint64_t nanos);
  static std::uint64_t bucket_begin(std::size_t bucket);
  static std::uint64_t bucket_middle(std::size_t bucket);

 private:
  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
};

}  // namespace headrace::telemetry
