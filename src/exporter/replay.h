// What a dead process left in its rings goes to the audit file exactly once. A record stays in its
// ring until its line is written, so after a crash the ring holds some records whose lines are
// there already; they are told by what each line says of itself: the ring's id and the sequence
// numbers of the records in it. Only the end of the file can hold such lines, so only that is read.
//
// Start-up, before the workers: may block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "exporter/dictionary.h"
#include "exporter/sink.h"
#include "telemetry/ring.h"

namespace headrace::exporter {

// Which records have their line.
class SeenRecords {
 public:
  // Reads the last `lines` lines of the audit: the file and, while they are not enough, the rotated
  // ones. Lines that are not ours are skipped.
  void read(const std::string& path, std::size_t lines);
  void take_line(std::string_view line);

  bool has(std::uint64_t ring, std::uint64_t sequence) const;
  std::size_t count() const;

 private:
  std::size_t read_file(const std::string& path, std::size_t lines);

  std::unordered_map<std::uint64_t, std::unordered_set<std::uint64_t>> by_ring_;
};

struct ReplayCount {
  std::uint64_t records = 0;  // found in the ring
  std::uint64_t known = 0;    // of those, with a line already
  std::uint64_t entries = 0;  // lines written now
};

// Empties the ring into the sink. False when the sink did not take it: the ring is as it was for
// the next process, but not for this one.
bool replay(telemetry::RecordRing& ring,
            const Dictionaries& names,
            const SeenRecords& seen,
            Sink& sink,
            ReplayCount& count);

}  // namespace headrace::exporter
