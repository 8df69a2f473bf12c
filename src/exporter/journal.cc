#include "exporter/journal.h"

#include <unistd.h>

#include <deque>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "exporter/jsonl.h"
#include "exporter/log_lines.h"

namespace headrace::exporter {

Journal::~Journal() = default;

std::unique_ptr<Journal> Journal::open(const config::Snapshot& snapshot,
                                       std::uint32_t workers,
                                       std::string& fault,
                                       std::size_t capacity) {
  std::unique_ptr<Journal> journal(new Journal());
  journal->required_ = snapshot.audit.required;
  journal->audit_path_ = snapshot.audit.path;
  if (!journal->open_dir(snapshot, fault)) return nullptr;
  if (!journal->open_rings(workers, capacity, fault)) return nullptr;
  if (!journal->open_audit(snapshot, fault)) return nullptr;
  if (!journal->replay_rings(workers, fault)) return nullptr;
  if (journal->audit_ != nullptr) journal->sinks_.push_back(std::move(journal->audit_));
  if (snapshot.log_requests) journal->sinks_.push_back(std::make_unique<LogLines>(STDOUT_FILENO));
  return journal;
}

bool Journal::open_dir(const config::Snapshot& snapshot, std::string& fault) {
  const std::string path =
      snapshot.state_dir.empty() ? telemetry::StateDir::default_path() : snapshot.state_dir;
  std::string why;
  // Nobody who asked for nothing waits for a predecessor to go.
  const bool asked = !snapshot.audit.path.empty() || !snapshot.state_dir.empty();
  telemetry::StateDirOptions options;
  if (!asked) options.patience = 0;
  dir_ = telemetry::StateDir::open(path, why, options);
  if (dir_) dictionary_ = DictionaryFile::open(*dir_, why);
  if (dictionary_) return true;
  dir_.reset();
  if (required_) {
    fault = "audit.required: records would not outlive a crash: " + why;
    return false;
  }
  // Nor misses anything.
  if (asked) {
    HEADRACE_LOG_WARNING("records will not outlive a crash: %s", why.c_str());
  } else {
    HEADRACE_LOG_INFO("records will not outlive a crash: %s", why.c_str());
  }
  return true;
}

bool Journal::open_rings(std::uint32_t workers, std::size_t capacity, std::string& fault) {
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    std::optional<telemetry::OpenedRing> ring;
    std::string why;
    if (dir_) ring = telemetry::open_ring(*dir_, worker, capacity, why);
    if (dir_ && (!ring || ring->origin == telemetry::RingOrigin::replaced)) {
      if (required_) {
        fault = "audit.required: " + why;
        return false;
      }
      HEADRACE_LOG_WARNING("%s", why.c_str());
    }
    if (!ring) ring = telemetry::private_ring(worker, capacity);
    if (!ring) {
      fault = "no memory for the record ring of worker " + std::to_string(worker);
      return false;
    }
    rings_.push_back(std::move(ring->memory));
  }
  return true;
}

bool Journal::open_audit(const config::Snapshot& snapshot, std::string& fault) {
  if (audit_path_.empty()) return true;
  audit_ = Jsonl::open(snapshot.audit, fault);
  if (audit_ != nullptr) return true;
  fault = "audit.path: " + fault;
  return false;
}

bool Journal::replay_rings(std::uint32_t workers, std::string& fault) {
  if (!dir_) return true;
  std::vector<std::uint32_t> gone;
  for (const std::uint32_t worker : telemetry::list_rings(*dir_)) {
    if (worker < workers) continue;
    std::string why;
    auto ring = telemetry::open_ring(*dir_, worker, 1, why);
    if (ring) leftover_.push_back(std::move(ring->memory));
    gone.push_back(worker);
  }
  std::deque<telemetry::RecordRing> found;  // rings do not move
  std::size_t capacity = 0;
  for (const auto* memories : {&rings_, &leftover_}) {
    for (const telemetry::RingMemory& memory : *memories) {
      telemetry::RecordRing& ring = found.emplace_back();
      const base::Status attached = ring.attach(memory.bytes());
      HEADRACE_ASSERT(attached.ok());
      if (ring.pushed() == ring.released_position()) {
        found.pop_back();  // left in order, nothing in it
      } else {
        capacity += ring.capacity();
      }
    }
  }
  SeenRecords seen;
  // A record in a ring can have its line only among the last ones: each line is of one at least.
  if (audit_ != nullptr && capacity != 0) seen.read(audit_path_, capacity);
  for (telemetry::RecordRing& ring : found) {
    if (!replay_ring(ring, seen, fault)) return false;
  }
  leftover_.clear();
  for (const std::uint32_t worker : gone) telemetry::remove_ring(*dir_, worker);
  if (replayed_.records != 0) {
    HEADRACE_LOG_INFO("replayed: %llu records were left in the rings, %llu lines written for them",
                      static_cast<unsigned long long>(replayed_.records),
                      static_cast<unsigned long long>(replayed_.entries));
  }
  if (dictionary_->restart()) return true;
  fault = dir_->path() + "/dictionary cannot be written";
  return !required_;
}

bool Journal::replay_ring(telemetry::RecordRing& ring,
                          const SeenRecords& seen,
                          std::string& fault) {
  if (audit_ != nullptr) {
    if (replay(ring, dictionary_->known(), seen, *audit_, replayed_)) return true;
    if (required_) {
      fault = "audit.required: " + audit_path_ + " does not take what the last process left";
      return false;
    }
    audit_->discard();
  } else {
    std::size_t read = 0;
    while ((read = ring.read().size()) != 0) replayed_.records += read;
    ring.release(ring.read_position());
    return true;
  }
  HEADRACE_LOG_WARNING("records that the last process left have no audit file to go to: given up");
  ring.release(ring.read_position());
  return true;
}

telemetry::RingMemory Journal::take_ring(std::uint32_t worker) {
  HEADRACE_ASSERT(worker < rings_.size());
  return std::move(rings_[worker]);
}

std::vector<std::unique_ptr<Sink>> Journal::take_sinks() {
  return std::exchange(sinks_, {});
}

std::uint32_t Journal::next_epoch() const {
  return dictionary_ ? dictionary_->next_epoch() : 1;
}

base::Status Journal::learn(const Dictionary& dictionary) {
  return dictionary_ ? dictionary_->append(dictionary) : base::Status();
}

}  // namespace headrace::exporter
