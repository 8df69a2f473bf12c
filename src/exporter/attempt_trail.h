// AttemptTrail: how the last attempt of a request ended, until the request is over. A later attempt
// is told by it: whether it went to the same target again or to another one, and why. The records
// of one request are not next to each other, so this is a small cache by request id: 4096 requests
// in sets of four, of which the oldest gives way. What was pushed out, or lost in a full ring, is
// unknown.
//
// Behind the exporter's lock; allocates once, at its making.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/limits.h"
#include "exporter/outcome.h"
#include "headrace/record.h"

namespace headrace::exporter {

class AttemptTrail {
 public:
  struct Step {
    std::uint32_t target = kNoId;  // as in the record: of the request's epoch
    std::uint8_t attempt = 0;
    Cause cause;
  };

  AttemptTrail() : sets_(kSets) {}

  // What was noted last of this record's request; null: nothing is known.
  const Step* last(const Record& record) const;
  void note(const Record& attempt, Cause cause);
  // The request is over.
  void forget(const Record& request);

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kSets = base::limits::kMetricTrails / kWays;

  struct Entry {
    std::uint64_t id = 0;  // the random half of the request id; 0: none
    Step step;
  };
  using Set = std::array<Entry, kWays>;  // the newest first, without gaps

  static std::uint64_t id_of(const Record& record);
  static std::size_t set_of(std::uint64_t id);
  static void remove(Set& set, std::size_t way);

  std::vector<Set> sets_;
};

}  // namespace headrace::exporter
