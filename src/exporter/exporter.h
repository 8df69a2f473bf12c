// Exporter: drains the record rings of all workers, adds them up, and renders the metrics. run()
// does the draining on a thread of its own; a scrape (render(), from the control thread) drains
// first, so that what a client saw answered is in the text. One lock makes the two one consumer; no
// worker ever takes it, waits or wakes anybody.
//
// How often it looks: every kBusyPoll while records arrive, then half as often after each empty
// look, down to kIdlePoll, so that an idle process sleeps. Rings must hold what can arrive in that
// time (kRingRecords).
//
// It owns neither rings nor counters: both outlive it.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "exporter/aggregate.h"
#include "exporter/dictionary.h"
#include "exporter/prometheus.h"
#include "telemetry/counters.h"
#include "telemetry/ring.h"

namespace headrace::exporter {

class Exporter {
 public:
  static constexpr std::chrono::milliseconds kBusyPoll{20};
  static constexpr std::chrono::milliseconds kIdlePoll{500};

  struct Worker {
    telemetry::RecordRing* ring = nullptr;
    const telemetry::WorkerCounters* counters = nullptr;
  };
  // Label pairs of headrace_build_info: version, io_backend, ...
  using BuildInfo = std::vector<std::pair<std::string, std::string>>;

  Exporter(std::vector<Worker> workers, const BuildInfo& build);
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // -- any thread
  // Before a snapshot goes live.
  void learn(const Dictionary& dictionary);
  // After each attempt to load a configuration, the first included.
  void reloaded(bool successful, double unix_seconds);
  // Takes what the rings hold; returns how many records that were.
  std::size_t drain();
  // The exposition as of now.
  std::string render(Format format);

  // -- the exporter's thread: returns after stop(), having drained what was left.
  void run();
  void stop();

 private:
  std::size_t drain_locked();
  void render_process(Exposition& out) const;
  void render_counters(Exposition& out) const;
  void render_row(Exposition& out, const telemetry::CounterRow& row) const;

  const std::vector<Worker> workers_;
  Labels build_;

  std::mutex mutex_;  // guards everything below, and the consumer's end of every ring
  std::condition_variable stop_requested_;
  bool stopping_ = false;
  bool reload_successful_ = true;
  double loaded_at_ = 0;
  Names names_;
  Aggregate aggregate_;
  std::array<Record, 64> batch_;
};

}  // namespace headrace::exporter
