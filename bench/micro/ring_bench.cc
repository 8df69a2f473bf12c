// What a record costs its worker. `push` is the mean on a ring whose consumer keeps up; `push_each`
// times every push by itself and reports the percentiles, less what reading the clock costs; `pop`
// is the exporter's side. `push_each` runs on private memory and on a ring in a file on tmpfs,
// which is where a gateway has it: ring_append_p99_ns is the p99 of the latter.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "telemetry/histogram.h"
#include "telemetry/ring.h"
#include "telemetry/ring_file.h"
#include "telemetry/ring_memory.h"

namespace {

using headrace::Record;
using headrace::telemetry::Histogram;
using headrace::telemetry::kRingRecords;
using headrace::telemetry::RecordRing;
using headrace::telemetry::RingMemory;
using headrace::telemetry::StateDir;

// A state directory for one ring, gone with the object.
class Scratch {
 public:
  Scratch() {
    char name[] = "/dev/shm/headrace-bench-XXXXXX";
    HEADRACE_ASSERT(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  RingMemory open_ring() const {
    std::string fault;
    const auto dir = StateDir::open(path_, fault);
    HEADRACE_ASSERT(dir.has_value());
    auto opened = headrace::telemetry::open_ring(*dir, 0, kRingRecords, fault);
    HEADRACE_ASSERT(opened.has_value());
    return std::move(opened->memory);
  }

 private:
  std::string path_;
};

// Words, an attempt, the request itself: the gateway has their slots fetched when the request has
// gone to its provider, and pushes them when the answer is there.
constexpr std::uint64_t kSlotsOfARequest = 3;

enum class Where { memory, file };

class Ring {
 public:
  explicit Ring(Where where = Where::memory) {
    if (where == Where::file) {
      made_ = scratch_.emplace().open_ring();
      HEADRACE_ASSERT(ring_.attach(made_.bytes()).ok());
    } else {
      auto made = RingMemory::create(RecordRing::bytes_for(kRingRecords));
      HEADRACE_ASSERT(made.ok());
      made_ = std::move(made.value());
      ring_.format(made_.bytes(), kRingRecords, 0);
    }
    // One lap, so that the pages are there: the state of a process that has served some requests.
    for (std::size_t i = 0; i < kRingRecords; ++i) ring_.push(Record{});
    drain();
  }
  RecordRing* operator->() { return &ring_; }
  std::size_t drain() {
    std::size_t total = 0;
    for (std::size_t count = 0; (count = ring_.pop(batch_)) != 0;) total += count;
    return total;
  }

 private:
  std::optional<Scratch> scratch_;
  RingMemory made_;
  RecordRing ring_;
  std::vector<Record> batch_{64};
};

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

void push(benchmark::State& state) {
  Ring ring;
  Record record;
  std::size_t pushed = 0;
  for (auto _ : state) {
    record.sequence = pushed;
    benchmark::DoNotOptimize(ring->push(record));
    if (++pushed % (kRingRecords / 2) == 0) {
      state.PauseTiming();
      ring.drain();
      state.ResumeTiming();
    }
  }
  state.counters["drops"] = static_cast<double>(ring->drops());
}
BENCHMARK(push);

void push_each(benchmark::State& state, Where where) {
  Ring ring(where);
  Record record;
  std::vector<std::uint64_t> samples;
  samples.reserve(1 << 22);
  std::uint64_t clock_cost = UINT64_MAX;
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t before = now_ns();
    clock_cost = std::min(clock_cost, now_ns() - before);
  }
  for (auto _ : state) {
    if (record.sequence % kSlotsOfARequest == 0) ring->fetch_ahead();
    const std::uint64_t before = now_ns();
    benchmark::DoNotOptimize(ring->push(record));
    const std::uint64_t took = now_ns() - before;
    if (samples.size() < samples.capacity()) samples.push_back(took - std::min(took, clock_cost));
    if (++record.sequence % (kRingRecords / 2) == 0) ring.drain();
  }
  std::sort(samples.begin(), samples.end());
  const auto share = [&](double q) {
    return static_cast<double>(
        samples[static_cast<std::size_t>(q * static_cast<double>(samples.size() - 1))]);
  };
  state.counters["p50_ns"] = share(0.5);
  state.counters["p99_ns"] = share(0.99);
  state.counters["p999_ns"] = share(0.999);
}
BENCHMARK_CAPTURE(push_each, memory, Where::memory)->Iterations(1 << 20);
BENCHMARK_CAPTURE(push_each, file, Where::file)->Iterations(1 << 20);

void push_full(benchmark::State& state) {
  Ring ring;
  while (ring->push(Record{})) {
  }
  for (auto _ : state) benchmark::DoNotOptimize(ring->push(Record{}));
}
BENCHMARK(push_full);

void pop(benchmark::State& state) {
  Ring ring;
  std::int64_t popped = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (std::size_t i = 0; i < 4096; ++i) ring->push(Record{});
    state.ResumeTiming();
    popped += static_cast<std::int64_t>(ring.drain());
  }
  state.SetItemsProcessed(popped);
}
BENCHMARK(pop);

void histogram_add(benchmark::State& state) {
  Histogram histogram;
  std::uint64_t value = 12345;
  for (auto _ : state) {
    value = value * 6364136223846793005ULL + 1442695040888963407ULL;
    histogram.add(value >> 30);
  }
  benchmark::DoNotOptimize(histogram.quantile(0.5));
}
BENCHMARK(histogram_add);

}  // namespace

BENCHMARK_MAIN();
