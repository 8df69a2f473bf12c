// Measured times and their percentiles. Room is reserved before a measurement, so that recording
// one costs no allocation while the clock runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "system.h"

namespace headrace::probe {

class Samples {
 public:
  explicit Samples(std::size_t expected) { values_.reserve(expected); }

  void add(Nanos value) { values_.push_back(value); }
  std::size_t count() const { return values_.size(); }

  // Nearest rank. Sorts, so it belongs behind the measurement.
  Nanos percentile(double share) {
    if (values_.empty()) die("nothing was measured");
    std::sort(values_.begin(), values_.end());
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(values_.size()));
    return values_[std::min(rank, values_.size() - 1)];
  }

 private:
  std::vector<Nanos> values_;
};

}  // namespace headrace::probe
