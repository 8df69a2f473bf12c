// Assembler: the records of one ring become entries: a request with its attempts. Attempts and text
// slots come before the request they belong to, with those of other requests between them; they
// wait here. The ring must hold what waits (it is the copy that a crash leaves), so waiting is
// bounded: attempts that hold back more than a quarter of the ring go out without their request.
//
// One for each ring, the exporter's thread. What waits lies in places that are used again, so that
// it takes no memory once as many have waited as ever do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <vector>

#include "exporter/sink.h"
#include "headrace/record.h"

namespace headrace::exporter {

class Assembler {
 public:
  using Emit = std::function<void(Entry&)>;

  Assembler(std::uint64_t ring, std::size_t capacity)
      : ring_(ring), hold_max_(capacity / 4), buckets_(kBuckets, kNone) {}

  // `position` is the record's place in the ring. Calls emit() for every entry that is complete.
  void take(std::uint64_t position, const Record& record, const Emit& emit);
  // Nothing more will come: what waits goes out as it is.
  void finish(const Emit& emit);

  // The first position that is still needed, when everything before `read` was taken.
  std::uint64_t held_from(std::uint64_t read) const;
  std::size_t waiting() const { return count_; }

 private:
  using Id = std::array<std::uint8_t, 16>;
  using Place = std::uint32_t;  // in places_
  static constexpr Place kNone = UINT32_MAX;
  static constexpr std::size_t kBuckets = 4096;

  // A request of which something came already.
  struct Waiting {
    Id id{};
    std::uint64_t position = 0;  // of the first record
    std::vector<Part> attempts;
    std::vector<TextRecord> texts;
    Place in_bucket = kNone;  // the next one
    Place older = kNone;      // in the order of their positions
    Place newer = kNone;      // of free places: the next one
  };

  // The tail of a UUIDv7 is random already.
  static std::size_t bucket_of(const Id& id) {
    std::size_t hash = 0;
    std::memcpy(&hash, id.data() + id.size() - sizeof hash, sizeof hash);
    return hash % kBuckets;
  }

  Place find(const Id& id) const;
  Waiting& wait_for(const Id& id, std::uint64_t position);
  void complete(const Record& request, const Id& id, const Emit& emit);
  void send_alone(Place place, const Emit& emit);
  void forget(Place place);

  std::uint64_t ring_;
  std::uint64_t hold_max_;
  std::vector<Place> buckets_;
  std::deque<Waiting> places_;
  Place free_ = kNone;
  Place oldest_ = kNone;
  Place newest_ = kNone;
  std::size_t count_ = 0;
  Entry entry_;  // on its way out
};

}  // namespace headrace::exporter
