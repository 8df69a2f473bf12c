#include "exporter/exporter.h"

#include <algorithm>

#include "base/assert.h"
#include "exporter/process_stats.h"

namespace headrace::exporter {
namespace {

constexpr std::size_t kCrowd = 4096;  // records of one look
constexpr std::size_t kBatch = 64;    // looked at twice while the cache has them

}  // namespace

Exporter::Exporter(std::vector<Worker> workers,
                   const BuildInfo& build,
                   Outputs outputs,
                   std::shared_ptr<telemetry::Doorbell> bell)
    : workers_(std::move(workers)), outputs_(std::move(outputs)), bell_(std::move(bell)) {
  for (const Worker& worker : workers_) {
    HEADRACE_ASSERT(worker.ring != nullptr);
    HEADRACE_ASSERT(worker.counters != nullptr);
    if (outputs_.sinks.empty()) continue;
    assemblers_.emplace_back(worker.ring->id(), worker.ring->capacity());
  }
  for (const auto& [name, value] : build) build_.add(name, value);
}

void Exporter::learn(const Dictionary& dictionary) {
  const std::lock_guard lock(mutex_);
  names_.learn(dictionary);
  if (!outputs_.sinks.empty()) dictionaries_.learn(dictionary);
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
  for (std::size_t i = 0; i < workers_.size(); ++i) total += drain_worker(i);
  settle_sinks();
  return total;
}

std::size_t Exporter::drain_worker(std::size_t index) {
  telemetry::RecordRing& ring = *workers_[index].ring;
  // At most one ringful: a worker that writes as fast as we read must not hold us here.
  const std::size_t most = ring.capacity();
  std::size_t taken = 0;
  while (taken < most && !sinks_full()) {
    const std::span<const Record> records = ring.read(kBatch);
    if (records.empty()) break;
    for (const Record& record : records) aggregate_.add(record, names_);
    if (!assemblers_.empty()) assemble(index, records);
    taken += records.size();
  }
  return taken;
}

// What was read last, on its way to the sinks.
void Exporter::assemble(std::size_t index, std::span<const Record> records) {
  std::uint64_t position = workers_[index].ring->read_position() - records.size();
  for (const Record& record : records) {
    assemblers_[index].take(position++, record, [this](Entry& entry) { send(entry); });
  }
}

void Exporter::send(Entry& entry) const {
  const Record& first = entry.request ? entry.request->record : entry.attempts.front().record;
  entry.names = dictionaries_.find(first.epoch);
  for (const auto& sink : outputs_.sinks) sink->write(entry);
}

// What the sinks have taken may go from the rings; what still waits for its request may not.
void Exporter::settle_sinks() {
  if (!flush_sinks()) return give_up_if_rings_overflow();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    telemetry::RecordRing& ring = *workers_[i].ring;
    const std::uint64_t read = ring.read_position();
    ring.release(assemblers_.empty() ? read : assemblers_[i].held_from(read));
  }
}

bool Exporter::flush_sinks() {
  bool flushed = true;
  for (const auto& sink : outputs_.sinks) flushed = sink->flush() && flushed;
  return flushed;
}

bool Exporter::sinks_full() const {
  return std::any_of(
      outputs_.sinks.begin(), outputs_.sinks.end(), [](const auto& sink) { return sink->full(); });
}

void Exporter::give_up_if_rings_overflow() {
  if (outputs_.required) return;
  const bool overflowing = std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) {
    const telemetry::RecordRing& ring = *worker.ring;
    return ring.pushed() - ring.released_position() > ring.capacity() / 8 * 7;
  });
  if (!overflowing) return;
  for (const auto& sink : outputs_.sinks) sink->discard();
  settle_sinks();
}

// The workers are gone: attempts whose request never came go out alone.
void Exporter::end_sinks() {
  for (Assembler& assembler : assemblers_) {
    assembler.finish([this](Entry& entry) { send(entry); });
  }
  settle_sinks();
}

void Exporter::run() {
  std::unique_lock lock(mutex_);
  std::chrono::milliseconds nap = kIdlePoll;
  while (!stopping_) {
    const std::size_t drained = drain_locked();
    lock.unlock();
    nap = drained != 0 ? kBusyPoll : std::min(nap * 2, kIdlePoll);
    // So much came that more will be there already.
    if (drained <= kCrowd) bell_->sleep(nap);
    lock.lock();
  }
  drain_locked();
  end_sinks();
}

void Exporter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  bell_->ring();
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
  out.family("headrace_rings_outlive_crash",
             MetricType::gauge,
             "Whether records lie in files that a crash leaves whole: 1, or 0 for private memory.");
  out.sample({}, std::uint64_t{outputs_.rings_outlive_us ? 1u : 0u});
  for (const auto& sink : outputs_.sinks) sink->render(out);
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
