// Assembler: the records of one ring become entries: a request with its attempts. Attempts and text
// slots come before the request they belong to, with those of other requests between them; they
// wait here. The ring must hold what waits (it is the copy that a crash leaves), so waiting is
// bounded: attempts that hold back more than a quarter of the ring go out without their request.
//
// One for each ring, the exporter's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "exporter/sink.h"
#include "headrace/record.h"

namespace headrace::exporter {

class Assembler {
 public:
  using Emit = std::function<void(Entry&)>;

  Assembler(std::uint64_t ring, std::size_t capacity) : ring_(ring), hold_max_(capacity / 4) {}

  // `position` is the record's place in the ring. Calls emit() for every entry that is complete.
  void take(std::uint64_t position, const Record& record, const Emit& emit);
  // Nothing more will come: what waits goes out as it is.
  void finish(const Emit& emit);

  // The first position that is still needed, when everything before `read` was taken.
  std::uint64_t held_from(std::uint64_t read);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  using Id = std::array<std::uint8_t, 16>;
  struct IdHash {
    // The tail of a UUIDv7 is random already.
    std::size_t operator()(const Id& id) const {
      std::size_t hash = 0;
      std::memcpy(&hash, id.data() + id.size() - sizeof hash, sizeof hash);
      return hash;
    }
  };
  struct Waiting {
    std::uint64_t position = 0;  // of the first record
    std::vector<Part> attempts;
    std::vector<TextRecord> texts;
  };

  Waiting& wait_for(const Id& id, std::uint64_t position);
  void complete(const Record& request, const Id& id, const Emit& emit);
  void send_alone(Waiting& waiting, const Emit& emit);
  void drop_done();

  std::uint64_t ring_;
  std::uint64_t hold_max_;
  std::unordered_map<Id, Waiting, IdHash> waiting_;
  // In the order of their positions; those that are done are dropped when they reach the front.
  std::deque<std::pair<std::uint64_t, Id>> order_;
};

}  // namespace headrace::exporter
