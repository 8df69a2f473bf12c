#include "telemetry/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/assert.h"

namespace headrace::telemetry {

namespace {
constexpr std::size_t kPerOctave = 1u << Histogram::kSubBits;
}  // namespace

std::size_t Histogram::bucket_of(std::uint64_t nanos) {
  const std::uint64_t value = std::min(nanos, kMax);
  const auto width = static_cast<unsigned>(std::bit_width(value));
  if (width <= kLinearBits) return static_cast<std::size_t>(value >> (kLinearBits - kSubBits));
  const unsigned shift = width - 1 - kSubBits;
  const auto within = static_cast<std::size_t>((value >> shift) & (kPerOctave - 1));
  return (width - kLinearBits) * kPerOctave + within;
}

std::uint64_t Histogram::bucket_begin(std::size_t bucket) {
  HEADRACE_ASSERT(bucket <= kBuckets);
  const std::size_t octave = bucket / kPerOctave;
  const std::uint64_t within = bucket % kPerOctave;
  if (octave == 0) return within << (kLinearBits - kSubBits);
  return (kPerOctave + within) << (octave - 1 + kLinearBits - kSubBits);
}

std::uint64_t Histogram::bucket_middle(std::size_t bucket) {
  const std::uint64_t begin = bucket_begin(bucket);
  return begin + (bucket_begin(bucket + 1) - begin) / 2;
}

void Histogram::add(std::uint64_t nanos) {
  ++buckets_[bucket_of(nanos)];
  ++count_;
  sum_ += nanos;
  min_ = std::min(min_, nanos);
  max_ = std::max(max_, nanos);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::quantile(double q) const {
  HEADRACE_ASSERT(q >= 0.0);
  HEADRACE_ASSERT(q <= 1.0);
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::clamp(bucket_middle(i), min_, max_);
  }
  return max_;
}

void Histogram::cumulative(std::span<const std::uint64_t> bounds,
                           std::span<std::uint64_t> counts) const {
  HEADRACE_ASSERT(bounds.size() == counts.size());
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    // The last bucket also holds what lies beyond the range, which no bound may claim.
    while (bucket + 1 < kBuckets && bucket_middle(bucket) <= bounds[i]) seen += buckets_[bucket++];
    counts[i] = seen;
  }
}

}  // namespace headrace::telemetry
