// sim_main SEED                    repeats one seed and tells what it was; --trace: every event of
// the network sim_main --seeds N [--first S]   runs N seeds
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/log.h"
#include "oracle.h"
#include "scenario.h"
#include "sim_world.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using namespace headrace;

constexpr unsigned kRealSecondsPerSeed = 120;

volatile std::uint64_t running_seed = 0;

void tell_seed() {
  char text[160];
  const auto seed = static_cast<unsigned long long>(running_seed);
  const int size = std::snprintf(text,
                                 sizeof text,
                                 "sim: seed %llu did not survive; repeat it with ./dev sim %llu\n",
                                 seed,
                                 seed);
  if (::write(STDERR_FILENO, text, static_cast<std::size_t>(size)) < 0) ::_exit(3);
}

void on_signal(int number) {
  tell_seed();
  ::signal(number, SIG_DFL);
  ::raise(number);
}

void watch_for_death() {
  for (const int number : {SIGABRT, SIGALRM}) ::signal(number, on_signal);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(tell_seed);
  } else {
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(number, on_signal);
  }
}

struct Outcome {
  bool good = false;
  std::uint64_t turns = 0;
};

sim::Tally tally;

void print_tally() {
  const auto print = [](const char* what, std::uint64_t count) {
    std::printf("  %-28s %llu\n", what, static_cast<unsigned long long>(count));
  };
  print("requests", tally.requests);
  print("whole plain answers", tally.plain);
  print("whole streams", tally.streams);
  print("streams with an error event", tally.broken_streams);
  print("streams that failed", tally.failed_streams);
  print("model lists", tally.models);
  print("errors of our own", tally.refused);
  print("answers that were cut", tally.incomplete);
  print("requests never answered", tally.unanswered);
  print("turned away", tally.turned_away);
  print("retries", tally.retries);
  print("failovers", tally.failovers);
  print("waits", tally.waits);
  print("refusals given back", tally.given_back);
  print("translated answers", tally.translated);
  print("strangers", tally.strangers);
  print("refused by a limit", tally.limited);
  print("servings over HTTP/2", tally.h2_servings);
  print("refused unseen", tally.h2_refused);
  print("answers over HTTP/2", tally.h2_answers);
  print("cancelled streams", tally.h2_cancels);
  print("answers without a client", tally.drained);
  print("whole ones of them", tally.drained_whole);
  print("events", tally.events);
  print("events behind a busy socket", tally.events_behind_busy);
  for (std::size_t code = 1; code < tally.errors.size(); ++code) {
    if (tally.errors[code] == 0) continue;
    print(std::string(base::name_of(base::Errc(code))).c_str(), tally.errors[code]);
  }
}

Outcome run_seed(std::uint64_t seed, bool verbose, bool trace) {
  running_seed = seed;
  ::alarm(kRealSecondsPerSeed);
  const sim::Scenario scenario = sim::make_scenario(seed);
  if (verbose) std::printf("%s", scenario.describe().c_str());
  sim::Verdict verdict;
  sim::SimWorld world(scenario, verdict);
  if (trace) world.net().trace_to(stdout);
  world.run();
  if (verbose) std::printf("%s", world.describe().c_str());
  sim::judge(world, verdict, tally);
  ::alarm(0);
  for (const std::string& fault : verdict.faults()) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), fault.c_str());
  }
  if (verbose) {
    std::printf("%llu turns, %zu requests on record, identity %016llx: %s\n",
                static_cast<unsigned long long>(world.turns()),
                world.records().size(),
                static_cast<unsigned long long>(world.net().log_hash()),
                verdict.good() ? "good" : "BAD");
    print_tally();
  }
  return {verdict.good(), world.turns()};
}

int run_many(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> failed;
  std::uint64_t turns = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    const Outcome outcome = run_seed(first + i, false, false);
    turns += outcome.turns;
    if (!outcome.good) failed.push_back(first + i);
    if ((i + 1) % 500 == 0 && i + 1 < count) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      std::printf("sim: %llu seeds, %zu failed, %.1f s, %.1f million turns\n",
                  static_cast<unsigned long long>(i + 1),
                  failed.size(),
                  passed.count(),
                  static_cast<double>(turns) / 1e6);
      std::fflush(stdout);
    }
  }
  print_tally();
  for (std::size_t i = 0; i < failed.size() && i < 10; ++i) {
    std::printf("sim: seed %llu failed; repeat it with ./dev sim %llu\n",
                static_cast<unsigned long long>(failed[i]),
                static_cast<unsigned long long>(failed[i]));
  }
  std::printf("sim: %llu passed, %zu failed\n",
              static_cast<unsigned long long>(count - failed.size()),
              failed.size());
  return failed.empty() && count != 0 ? 0 : 1;
}

int usage() {
  std::fprintf(stderr, "usage: sim_main SEED [--trace] | --seeds N [--first S]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  // What the worker warns of is what the seed asked for; thousands of seeds would drown their own
  // verdicts.
  headrace::base::set_log_level(headrace::base::LogLevel::error);
  std::uint64_t seeds = 0;
  std::uint64_t first = 1;
  std::uint64_t seed = 0;
  bool has_seed = false;
  bool trace = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--seeds" && more) {
      seeds = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--first" && more) {
      first = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--trace") {
      trace = true;
    } else if (!word.empty() && word[0] >= '0' && word[0] <= '9') {
      seed = std::strtoull(word.c_str(), nullptr, 10);
      has_seed = true;
    } else {
      return usage();
    }
  }
  if (has_seed == (seeds != 0)) return usage();
  watch_for_death();
  if (has_seed) return run_seed(seed, true, trace).good ? 0 : 1;
  return run_many(first, seeds);
}
