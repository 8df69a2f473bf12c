// The oracle: after a run, compares what every client got with what the providers said, what the
// records say and what the rules allow. It trusts the scripts' plans and the simulator's books
// only.
#pragma once

#include <array>
#include <cstdint>

#include "sim_world.h"
#include "verdict.h"

namespace headrace::sim {

// What happened in all runs, so that a reader sees that the faults do.
struct Tally {
  std::uint64_t requests = 0;
  std::uint64_t plain = 0;  // whole answers, by kind
  std::uint64_t streams = 0;
  std::uint64_t broken_streams = 0;  // with their error event
  std::uint64_t failed_streams = 0;  // with the provider's own error event
  std::uint64_t models = 0;
  std::uint64_t refused = 0;
  std::uint64_t incomplete = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t turned_away = 0;
  std::uint64_t retries = 0;    // over a fresh connection
  std::uint64_t failovers = 0;  // to another target or credential
  std::uint64_t waits = 0;      // as a provider asked for
  std::uint64_t given_back = 0;
  std::uint64_t translated = 0;
  std::uint64_t strangers = 0;
  std::uint64_t limited = 0;
  std::uint64_t h2_servings = 0;  // requests that providers saw over HTTP/2
  std::uint64_t h2_refused = 0;   // of them, without having been looked at
  std::uint64_t h2_answers = 0;   // to clients over HTTP/2
  std::uint64_t h2_cancels = 0;   // told by RST_STREAM
  std::uint64_t drained = 0;      // attempts that went on without their client
  std::uint64_t drained_whole = 0;
  std::uint64_t events = 0;
  std::uint64_t events_behind_busy = 0;
  std::array<std::uint64_t, 256> errors{};  // of request records, by code
};

void judge(const SimWorld& world, Verdict& verdict, Tally& tally);

}  // namespace headrace::sim
