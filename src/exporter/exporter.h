// Exporter: drains the record rings of all workers, adds them up, and renders the metrics. run()
// does the draining on a thread of its own; a scrape (render(), from the control thread) drains
// first, so that what a client saw answered is in the text. One lock makes the two one consumer; no
// worker ever takes it or waits.
//
// How often it looks: every kBusyPoll while records arrive, then half as often after each empty
// look, down to kIdlePoll, so that an idle process sleeps. Load that begins out of nothing may fill
// a ring in less: a worker that finds a quarter of its ring taken rings the bell.
//
// Sinks get every request with its attempts as an entry. Records are released in their rings only
// after the sinks have flushed what came of them; while a sink fails, the rings keep them, and only
// when a ring is nearly full is the sink told to give up what it has, unless the audit is required.
//
// It owns neither rings nor counters: both outlive it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "exporter/aggregate.h"
#include "exporter/assembler.h"
#include "exporter/dictionary.h"
#include "exporter/prometheus.h"
#include "exporter/sink.h"
#include "telemetry/counters.h"
#include "telemetry/doorbell.h"
#include "telemetry/ring.h"

namespace headrace::exporter {

struct Outputs {
  std::vector<std::unique_ptr<Sink>> sinks{};
  bool required = false;          // never give up what a sink has not taken
  bool rings_outlive_us = false;  // for the metric that says so
};

class Exporter {
 public:
  static constexpr std::chrono::milliseconds kBusyPoll{20};
  static constexpr std::chrono::milliseconds kIdlePoll{300};

  struct Worker {
    telemetry::RecordRing* ring = nullptr;
    const telemetry::WorkerCounters* counters = nullptr;
  };
  // Label pairs of headrace_build_info: version, io_backend, ...
  using BuildInfo = std::vector<std::pair<std::string, std::string>>;

  Exporter(std::vector<Worker> workers,
           const BuildInfo& build,
           Outputs outputs = {},
           std::shared_ptr<telemetry::Doorbell> bell = std::make_shared<telemetry::Doorbell>());
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
  std::size_t drain_worker(std::size_t index);
  void assemble(std::size_t index, std::span<const Record> records);
  void send(Entry& entry) const;
  void settle_sinks();
  void end_sinks();
  bool flush_sinks();
  bool sinks_full() const;
  void give_up_if_rings_overflow();
  void render_process(Exposition& out) const;
  void render_counters(Exposition& out) const;
  void render_row(Exposition& out, const telemetry::CounterRow& row) const;

  const std::vector<Worker> workers_;
  const Outputs outputs_;
  const std::shared_ptr<telemetry::Doorbell> bell_;  // the workers' too
  Labels build_;

  std::mutex mutex_;  // guards everything below, and the consumer's end of every ring
  bool stopping_ = false;
  bool reload_successful_ = true;
  double loaded_at_ = 0;
  Names names_;
  Dictionaries dictionaries_;
  Aggregate aggregate_;
  std::deque<Assembler> assemblers_;  // by worker; none without sinks
};

}  // namespace headrace::exporter
