// Series: what one metric counts, by a key of labels. At most kMost keys are kept apart; one too
// many is counted under the key that the caller names instead (its names are "other"), and how
// often that happened is told. Looking up a known key allocates nothing; rows come out in the order
// of their keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/limits.h"

namespace headrace::exporter {

template <typename Key, typename Value, std::size_t kMost = base::limits::kMetricSeries>
class Series {
 public:
  // REQUIRES: the callers name few different `other` keys: they do not count towards kMost.
  Value& at(const Key& key, const Key& other) {
    if (const auto known = rows_.find(key); known != rows_.end()) return known->second;
    if (rows_.size() < kMost) return rows_[key];
    ++folded_;
    return rows_[other];
  }

  const std::map<Key, Value>& rows() const { return rows_; }
  std::uint64_t folded() const { return folded_; }

 private:
  std::map<Key, Value> rows_;
  std::uint64_t folded_ = 0;
};

}  // namespace headrace::exporter
