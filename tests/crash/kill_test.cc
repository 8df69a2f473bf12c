// Goal: SIGKILL at any moment loses no record and doubles none. Method: a child opens a journal,
// lets two workers push and an exporter write, and is killed after a random while, 50 times; what
// it had pushed it notes in memory that the test shares with it. Then the test opens the journal
// itself and compares the audit files with the notes.
//
// A record that was being pushed at the moment of a kill may be there or not, but not twice.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "base/prng.h"
#include "exporter/exporter.h"
#include "exporter/journal.h"
#include "exporter/jsonl.h"
#include "json/scan.h"
#include "telemetry/counters.h"
#include "telemetry/text_slot.h"

namespace headrace::crash_test {
namespace {

constexpr std::uint32_t kWorkers = 2;
constexpr std::size_t kCapacity = 512;
constexpr std::size_t kRequests = 200'000;  // of one worker, over all rounds
constexpr int kRounds = 50;

// What became of one request, as its worker knows it.
constexpr std::uint8_t kAttemptPushed[] = {1, 2};
constexpr std::uint8_t kRequestPushed = 4;

struct Notes {
  struct Worker {
    std::atomic<std::uint32_t> begun;  // requests that may have left anything
    std::atomic<std::uint8_t> pushed[kRequests];
  };
  Worker workers[kWorkers];
  std::atomic<std::uint32_t> ready;  // children that got as far as pushing
};

Notes& share_notes() {
  void* at =
      ::mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  HEADRACE_ASSERT(at != MAP_FAILED);
  return *new (at) Notes;
}

// -- the child

// Text of the request id: worker in the first 8 digits, number in the last 12.
Record record_of(std::uint32_t worker, std::uint32_t number, RecordKind kind) {
  Record record;
  record.kind = kind;
  record.worker = static_cast<std::uint16_t>(worker);
  record.epoch = 1;
  record.route = 0;
  record.status = 200;
  record.request_id[3] = static_cast<std::uint8_t>(worker);
  for (unsigned i = 0; i < 4; ++i) {
    record.request_id[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return record;
}

class Worker {
 public:
  Worker(std::uint32_t index, telemetry::RingMemory memory, Notes& notes)
      : index_(index), notes_(notes.workers[index]), memory_(std::move(memory)) {
    const base::Status attached = ring_.attach(memory_.bytes());
    HEADRACE_ASSERT(attached.ok());
    sequence_ = ring_.next_sequence();
  }

  telemetry::RecordRing& ring() { return ring_; }
  const telemetry::WorkerCounters& counters() const { return counters_; }

  // Bursts of requests: refused ones, one with two attempts, and one whose first attempt ends long
  // before the request does, so that the lines of those behind it are written while the ring must
  // still hold them.
  void run() {
    while (true) {
      const std::uint32_t slow = begin(1);
      if (slow != kRequests) push_attempt(slow, 0);
      for (int i = 0; i < 16; ++i) serve_pair();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (slow != kRequests) finish(slow);
    }
  }

 private:
  // The first of so many numbers, noted as begun before anything is pushed.
  std::uint32_t begin(std::uint32_t count) {
    const std::uint32_t first = notes_.begun.load();
    if (first + count > kRequests) return kRequests;
    notes_.begun.store(first + count);
    return first;
  }
  void serve_pair() {
    const std::uint32_t served = begin(2);
    if (served == kRequests) return;
    push_attempt(served, 0);
    push_text(served);
    push_request(served + 1);
    finish(served);
  }
  void finish(std::uint32_t number) {
    push_attempt(number, 1);
    push_request(number);
  }
  void push_attempt(std::uint32_t number, std::uint8_t attempt) {
    Record record = record_of(index_, number, RecordKind::attempt);
    record.attempt = attempt;
    push(record);
    note(number, kAttemptPushed[attempt]);
  }
  void push_request(std::uint32_t number) {
    push(record_of(index_, number, RecordKind::request));
    note(number, kRequestPushed);
  }
  void push_text(std::uint32_t number) {
    const Record request = record_of(index_, number, RecordKind::request);
    push(telemetry::as_record(telemetry::text_slot(request, R"(model "sequence":1)", "req_1")));
  }
  void push(Record record) {
    while (!ring_.has_room(1)) std::this_thread::yield();
    record.sequence = sequence_++;
    const bool pushed = ring_.push(record);
    HEADRACE_ASSERT(pushed);
  }
  void note(std::uint32_t number, std::uint8_t what) { notes_.pushed[number].fetch_or(what); }

  std::uint32_t index_;
  Notes::Worker& notes_;
  telemetry::RingMemory memory_;
  telemetry::RecordRing ring_;
  telemetry::WorkerCounters counters_;
  std::uint64_t sequence_ = 0;
};

std::unique_ptr<exporter::Journal> open_journal(const config::Snapshot& snapshot) {
  std::string fault;
  auto journal = exporter::Journal::open(snapshot, kWorkers, fault, kCapacity);
  if (journal == nullptr) std::fprintf(stderr, "no journal: %s\n", fault.c_str());
  HEADRACE_ASSERT(journal != nullptr);
  HEADRACE_ASSERT(journal->rings_outlive_us());
  return journal;
}

[[noreturn]] void live(const config::Snapshot& snapshot, Notes& notes) {
  auto journal = open_journal(snapshot);
  const base::Status learned =
      journal->learn({.epoch = 1, .routes = {"any"}, .targets = {}, .providers = {}});
  HEADRACE_ASSERT(learned.ok());
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<exporter::Exporter::Worker> rings;
  for (std::uint32_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<Worker>(i, journal->take_ring(i), notes));
    rings.push_back({&workers[i]->ring(), &workers[i]->counters()});
  }
  exporter::Exporter exporter(rings, {}, {.sinks = journal->take_sinks(), .required = true});
  exporter.learn({.epoch = 1, .routes = {"any"}, .targets = {}, .providers = {}});
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  ++notes.ready;
  while (true) exporter.drain();
}

// -- the judge

struct Found {
  std::vector<std::uint8_t> requests = std::vector<std::uint8_t>(kRequests);
  std::vector<std::uint8_t> attempts[2] = {std::vector<std::uint8_t>(kRequests),
                                           std::vector<std::uint8_t>(kRequests)};
};

class Judge {
 public:
  void read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    for (std::string line; std::getline(file, line);) take(line);
  }

  // Returns how many requests were right; every other one is told.
  std::size_t compare(const Notes& notes) {
    std::size_t right = 0;
    for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
      const Notes::Worker& noted = notes.workers[worker];
      const Found& found = found_[worker];
      for (std::uint32_t i = 0; i < noted.begun; ++i) {
        const std::uint8_t pushed = noted.pushed[i];
        bool good = is_right(pushed & kRequestPushed, found.requests[i]);
        for (int a = 0; a < 2; ++a) {
          good = good && is_right(pushed & kAttemptPushed[a], found.attempts[a][i]);
        }
        if (good) ++right;
        if (good || ++faults_ > 10) continue;
        std::fprintf(stderr,
                     "worker %u request %u: noted %u; found %u time(s), attempts %u and %u\n",
                     worker,
                     i,
                     pushed,
                     found.requests[i],
                     found.attempts[0][i],
                     found.attempts[1][i]);
      }
    }
    return right;
  }
  std::size_t faults() const { return faults_; }

 private:
  static bool is_right(bool noted, std::uint8_t times) { return noted ? times == 1 : times <= 1; }

  void take(const std::string& line) {
    if (!json::validate(line).ok()) {
      ++faults_;
      std::fprintf(stderr, "not JSON: %s\n", line.c_str());
      return;
    }
    constexpr std::string_view kId = "\"request_id\":\"";
    const std::size_t id = line.find(kId) + kId.size();
    const auto worker = std::strtoul(line.substr(id, 8).c_str(), nullptr, 16);
    const auto number = std::strtoul(line.substr(id + 24, 12).c_str(), nullptr, 16);
    HEADRACE_ASSERT(worker < kWorkers && number < kRequests);
    Found& found = found_[worker];
    if (line.starts_with("{\"kind\":\"request\"")) ++found.requests[number];
    for (std::size_t at = 0; (at = line.find("\"attempt\":", at)) != std::string::npos;) {
      at += 10;
      const char which = line[at];
      if (which == '0' || which == '1') ++found.attempts[which - '0'][number];
    }
  }

  Found found_[kWorkers];
  std::size_t faults_ = 0;
};

void kill_one(const config::Snapshot& snapshot, Notes& notes, base::Prng& random) {
  const pid_t child = ::fork();
  HEADRACE_ASSERT(child >= 0);
  if (child == 0) live(snapshot, notes);
  // Every third one early, while it replays what the one before has left.
  const std::uint64_t most_us = random.next() % 3 == 0 ? 5'000 : 150'000;
  std::this_thread::sleep_for(std::chrono::microseconds(random.next() % most_us));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  // A child that ended by itself has found a fault.
  HEADRACE_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int run(std::uint64_t seed) {
  base::set_log_level(base::LogLevel::warning);
  char scratch[] = "/dev/shm/headrace-kill-XXXXXX";
  HEADRACE_ASSERT(::mkdtemp(scratch) != nullptr);
  const std::string folder = scratch;
  config::Snapshot snapshot;
  snapshot.state_dir = folder + "/state";
  snapshot.audit.path = folder + "/audit.jsonl";
  snapshot.audit.rotate_bytes = 300'000;
  snapshot.audit.keep = 0;
  snapshot.audit.required = true;
  Notes& notes = share_notes();
  base::Prng random(seed);
  for (int round = 0; round < kRounds; ++round) kill_one(snapshot, notes, random);

  const auto journal = open_journal(snapshot);
  Judge judge;
  judge.read(snapshot.audit.path);
  std::size_t rotated = 0;
  for (std::string name; std::filesystem::exists(
           name = exporter::Jsonl::rotated_name(snapshot.audit.path, rotated + 1));
       ++rotated) {
    judge.read(name);
  }
  const std::size_t right = judge.compare(notes);
  std::printf(
      "seed %llu: %d kills, %u of them under load; %zu requests right, %zu faults, %zu files\n",
      static_cast<unsigned long long>(seed),
      kRounds,
      notes.ready.load(),
      right,
      judge.faults(),
      rotated + 1);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return judge.faults() == 0 && right > 1000 && notes.ready > 10 ? 0 : 1;
}

}  // namespace
}  // namespace headrace::crash_test

int main(int argc, char** argv) {
  const std::uint64_t seed =
      argc > 1
          ? std::strtoull(argv[1], nullptr, 10)
          : static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  return headrace::crash_test::run(seed);
}
