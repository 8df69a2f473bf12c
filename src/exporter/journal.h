// Journal: everything of a gateway that outlives a crash, opened in the order that loses nothing:
// the state directory, the rings in it, the dictionary, the audit file. What a dead process left in
// its rings is in the audit before open() returns. The control thread opens it before the workers
// start and keeps it while they run.
//
// Without a usable state directory the rings are private memory: one warning, a metric, or no start
// at all where the configuration requires the audit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/snapshot.h"
#include "exporter/dictionary.h"
#include "exporter/dictionary_file.h"
#include "exporter/replay.h"
#include "exporter/sink.h"
#include "telemetry/ring_file.h"
#include "telemetry/state_dir.h"

namespace headrace::exporter {

class Jsonl;

class Journal {
 public:
  // Nothing when the gateway must not start, and then `fault` says why.
  static std::unique_ptr<Journal> open(const config::Snapshot& snapshot,
                                       std::uint32_t workers,
                                       std::string& fault,
                                       std::size_t capacity = telemetry::kRingRecords);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // The memory of a worker's ring, once: RecordRing::attach() takes it. The worker numbers its
  // records from RecordRing::next_sequence() on.
  telemetry::RingMemory take_ring(std::uint32_t worker);
  // The sinks that the configuration asks for, once.
  std::vector<std::unique_ptr<Sink>> take_sinks();

  // The epoch that the next configuration must have.
  std::uint32_t next_epoch() const;
  // Before a configuration goes live.
  base::Status learn(const Dictionary& dictionary);

  bool rings_outlive_us() const { return dir_.has_value(); }
  const ReplayCount& replayed() const { return replayed_; }

 private:
  Journal() = default;
  bool open_dir(const config::Snapshot& snapshot, std::string& fault);
  bool open_rings(std::uint32_t workers, std::size_t capacity, std::string& fault);
  bool open_audit(const config::Snapshot& snapshot, std::string& fault);
  bool replay_rings(std::uint32_t workers, std::string& fault);
  bool replay_ring(telemetry::RecordRing& ring, const SeenRecords& seen, std::string& fault);

  bool required_ = false;
  std::optional<telemetry::StateDir> dir_;
  std::optional<DictionaryFile> dictionary_;
  std::vector<telemetry::RingMemory> rings_;     // by worker
  std::vector<telemetry::RingMemory> leftover_;  // of workers that are no more
  std::unique_ptr<Jsonl> audit_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::string audit_path_;
  ReplayCount replayed_;
};

}  // namespace headrace::exporter
