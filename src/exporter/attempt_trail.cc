#include "exporter/attempt_trail.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace headrace::exporter {

std::uint64_t AttemptTrail::id_of(const Record& record) {
  std::uint64_t id = 0;
  std::memcpy(&id, record.request_id + sizeof record.request_id - sizeof id, sizeof id);
  return id;
}

// Fibonacci hashing: the bits of the id need not be random where records are made by hand.
std::size_t AttemptTrail::set_of(std::uint64_t id) {
  static_assert(std::has_single_bit(kSets));
  return static_cast<std::size_t>((id * 0x9e3779b97f4a7c15u) >> (64 - std::bit_width(kSets - 1)));
}

const AttemptTrail::Step* AttemptTrail::last(const Record& record) const {
  const std::uint64_t id = id_of(record);
  for (const Entry& entry : sets_[set_of(id)]) {
    if (entry.id == id && id != 0) return &entry.step;
  }
  return nullptr;
}

void AttemptTrail::note(const Record& attempt, Cause cause) {
  const std::uint64_t id = id_of(attempt);
  if (id == 0) return;
  Set& set = sets_[set_of(id)];
  std::size_t way = 0;
  while (way < kWays - 1 && set[way].id != id) ++way;
  std::copy_backward(set.begin(), set.begin() + way, set.begin() + way + 1);
  set[0] = {id, {attempt.target, attempt.attempt, cause}};
}

void AttemptTrail::forget(const Record& request) {
  const std::uint64_t id = id_of(request);
  Set& set = sets_[set_of(id)];
  for (std::size_t way = 0; way < kWays; ++way) {
    if (set[way].id == id) return remove(set, way);
  }
}

void AttemptTrail::remove(Set& set, std::size_t way) {
  std::copy(set.begin() + way + 1, set.end(), set.begin() + way);
  set[kWays - 1] = {};
}

}  // namespace headrace::exporter
