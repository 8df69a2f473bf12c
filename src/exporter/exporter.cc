#include "exporter/exporter.h"

#include <algorithm>

#include "base/assert.h"
#include "exporter/process_stats.h"

namespace headrace::exporter {

Exporter::Exporter(std::vector<Worker> workers, const BuildInfo& build)
    : workers_(std::move(workers)) {
  for (const Worker& worker : workers_) {
    HEADRACE_ASSERT(worker.ring != nullptr);
    HEADRACE_ASSERT(worker.counters != nullptr);
  }
  for (const auto& [name, value] : build) build_.add(name, value);
}

void Exporter::learn(const Dictionary& dictionary) {
  const std::lock_guard lock(mutex_);
  names_.learn(dictionary);
}

void Exporter::reloaded(bool successful, double unix_seconds) {
  const std::lock_guard lock(mutex_);
  reload_successful_ = successful;
  if (successful) loaded_at_ = unix_seconds;
}

std::size_t Exporter::drain() {
  const std::lock_guard lock(mutex_);
  return drain_locked();
}

std::size_t Exporter::drain_locked() {
  std::size_t total = 0;
  for (const Worker& worker : workers_) {
    // At most one ringful: a worker that writes as fast as we read must not hold us here.
    const std::size_t most = worker.ring->capacity();
    for (std::size_t taken = 0; taken < most;) {
      const std::size_t count = worker.ring->pop(batch_);
      for (std::size_t i = 0; i < count; ++i) aggregate_.add(batch_[i], names_);
      taken += count;
      total += count;
      if (count < batch_.size()) break;
    }
  }
  return total;
}

void Exporter::run() {
  std::unique_lock lock(mutex_);
  std::chrono::milliseconds nap = kIdlePoll;
  while (!stopping_) {
    nap = drain_locked() != 0 ? kBusyPoll : std::min(nap * 2, kIdlePoll);
    stop_requested_.wait_for(lock, nap, [this] { return stopping_; });
  }
  drain_locked();
}

void Exporter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_requested_.notify_all();
}

std::string Exporter::render(Format format) {
  const std::lock_guard lock(mutex_);
  drain_locked();
  Exposition out(format);
  render_process(out);
  aggregate_.render(out, names_);
  render_counters(out);
  ProcessStats::read().render(out);
  return out.finish();
}

void Exporter::render_process(Exposition& out) const {
  out.family("headrace_build_info", MetricType::gauge, "What is running; always 1.");
  out.sample(build_, std::uint64_t{1});
  out.family("headrace_config_last_reload_successful",
             MetricType::gauge,
             "Whether the last attempt to load the configuration succeeded.");
  out.sample({}, std::uint64_t{reload_successful_ ? 1u : 0u});
  out.family("headrace_config_last_reload_timestamp_seconds",
             MetricType::gauge,
             "When the running configuration was loaded, since 1970.");
  out.sample({}, loaded_at_);
  out.family("headrace_metrics_series_dropped_total",
             MetricType::counter,
             "Configured names that share the label other, because there are too many.");
  out.sample({}, names_.folded());
  std::uint64_t drops = 0;
  for (const Worker& worker : workers_) drops += worker.ring->drops();
  out.family("headrace_events_dropped_total",
             MetricType::counter,
             "Records lost because a ring was full.");
  out.sample({}, drops);
}

void Exporter::render_counters(Exposition& out) const {
  std::string_view open;
  telemetry::for_each_counter([&](const telemetry::CounterRow& row) {
    if (row.family != open) {
      const bool counts = row.kind == telemetry::CounterKind::counter;
      out.family(row.family, counts ? MetricType::counter : MetricType::gauge, row.help);
      open = row.family;
    }
    render_row(out, row);
  });
}

void Exporter::render_row(Exposition& out, const telemetry::CounterRow& row) const {
  const auto put = [&](const Labels& labels, std::uint64_t value) {
    if (row.scale == 1.0) {
      out.sample(labels, value);
    } else {
      out.sample(labels, static_cast<double>(value) * row.scale);
    }
  };
  if (row.scope == telemetry::CounterScope::worker) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      put(Labels("worker", std::to_string(i)), (workers_[i].counters->*row.member).get());
    }
    return;
  }
  std::uint64_t sum = 0;
  for (const Worker& worker : workers_) sum += (worker.counters->*row.member).get();
  put(Labels::written(row.labels), sum);
}

}  // namespace headrace::exporter
