// Fleet: the worker threads, and what of each outlives them: its record ring and its counters.
// Made, spoken to and ended by the control thread. A worker's Io and everything it serves is made
// and destroyed on the worker's own thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "config/host.h"
#include "io/backend.h"
#include "server/worker.h"
#include "telemetry/counters.h"
#include "telemetry/ring.h"
#include "telemetry/ring_memory.h"

namespace headrace::server {

// A listening descriptor of one worker.
struct WorkerListener {
  int fd = -1;
  config::Listen terms{};
};

struct FleetOptions {
  std::uint32_t workers = 1;
  bool pin = false;
  std::size_t clients_max = base::limits::kClientConnections;  // of one worker
  std::size_t refusals_max = 64;                               // likewise
  std::size_t upstreams_max = base::limits::kUpstreamConnections;
  io::IoOptions io;

  // As configured, within what this host allows.
  static FleetOptions of(const config::Snapshot& snapshot, const config::HostFacts& host);
};

class Fleet {
 public:
  // Rings and counters are there from now on; threads start with start(). `rings` by worker: each
  // holds a ring, which the worker goes on with. None: the fleet makes private ones.
  explicit Fleet(const FleetOptions& options, std::vector<telemetry::RingMemory> rings = {});
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet();

  // Starts every worker; `listeners` by worker. Returns when all serve, or the first failure.
  base::Status start(const proxy::Rules& rules,
                     const std::vector<std::vector<WorkerListener>>& listeners);
  void publish(const proxy::Rules& rules);
  void move_to(Worker::Stage stage);
  bool drained() const;
  bool ended() const;  // every thread is past its loop
  void join();
  std::uint64_t oldest_epoch_in_use() const;

  std::size_t size() const { return members_.size(); }
  telemetry::RecordRing& ring(std::size_t i) { return members_[i]->ring; }
  const telemetry::WorkerCounters& counters(std::size_t i) const { return members_[i]->counters; }
  // Rung by a worker whose records should be read before their time.
  const std::shared_ptr<telemetry::Doorbell>& bell() const { return bell_; }
  // Why a worker could not start, for people.
  const std::string& complaint() const { return complaint_; }

 private:
  struct Member {
    telemetry::RingMemory memory;
    telemetry::RecordRing ring;
    telemetry::WorkerCounters counters;
    std::atomic<Worker*> worker{nullptr};  // set while its thread serves
    std::atomic<bool> ended{false};
    std::thread thread;
  };

  void run(std::size_t index,
           const proxy::Rules& rules,
           const std::vector<WorkerListener>& listeners);
  void report(base::Status status, std::string complaint);

  const FleetOptions options_;
  const std::shared_ptr<telemetry::Doorbell> bell_ = std::make_shared<telemetry::Doorbell>();
  std::vector<std::unique_ptr<Member>> members_;

  std::mutex mutex_;  // start-up and ending only
  std::condition_variable changed_;
  std::size_t reported_ = 0;
  base::Status first_failure_;
  std::string complaint_;
};

}  // namespace headrace::server
