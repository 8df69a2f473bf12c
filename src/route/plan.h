// The plan of one request: which target and credential to try first, and after a failure which
// next, or how long to wait, or that there is nothing left. Targets come by priority; equal ones,
// and the credentials of one provider, share by weight. Who rests or has an open breaker is passed
// over, unless nobody else is left before the first attempt: then the least bad is asked, because
// the provider's own answer is better than a guess.
//
// A key that a client brought goes only to the first provider in the order that takes such keys.
//
// Owned by an exchange, one attempt at a time, no allocation; the view and the snapshot must
// outlive it. Pure but for the health that it reads and reports to.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/prng.h"
#include "config/snapshot.h"
#include "route/failure.h"
#include "route/health.h"

namespace headrace::route {

struct Choice {
  std::uint16_t target = 0;      // into Route::targets
  std::uint16_t credential = 0;  // into Provider::credentials; of no account with a brought key
};

// Why there is no further attempt.
enum class Stop : std::uint8_t {
  none,
  final,      // no other target would do better
  exhausted,  // every target was tried
  attempts,   // the route's bound
  budget,     // too many retries already, over all requests
  deadline,
  no_target,  // nobody takes the brought key, or serves what is asked for
};

struct Step {
  enum class Kind : std::uint8_t { attempt, wait, give_up };

  Kind kind = Kind::give_up;
  Stop stop = Stop::none;
  Choice choice;      // attempt
  Nanos wake_at = 0;  // wait: call after_wait() then
};

class Plan {
 public:
  struct Request {
    std::size_t route = 0;              // into Snapshot::routes
    Bytes model;                        // as the client named it; must outlive the plan
    bool brought_key = false;           // the client's own key is used instead of a credential
    std::uint32_t usable = UINT32_MAX;  // by bit: the targets that can serve what is asked for
    Nanos deadline = base::kNever;
    std::uint64_t seed = 0;  // decides among equals
  };

  Plan(const config::Snapshot& snapshot, const HealthView& health, const Request& request);
  ~Plan() { on_abandoned(); }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // Once, first.
  Step begin(Nanos now);
  // The attempt failed and nothing of it reached the client.
  Step on_failure(const Outcome& outcome, Nanos now);
  Step after_wait(Nanos now);

  // Ends without a further attempt: a whole answer (or its commit point), a failure behind the
  // commit point, or the client's leaving, which says nothing about the target.
  void on_success();
  void on_broken(const Outcome& outcome, Nanos now) { report(outcome, now); }
  void on_abandoned();

  std::uint32_t attempts() const { return attempts_; }
  // An attempt is under way that was not reported on.
  bool under_way() const { return entry_ != Breaker::Entry::refused; }

 private:
  static constexpr std::size_t kCredentials = base::limits::kCredentialsPerProvider;
  using Set = std::bitset<base::limits::kTargetsPerRoute * kCredentials>;

  std::size_t credential_count(std::size_t target) const;
  std::uint32_t tier(std::size_t target) const;
  bool serves(std::size_t target) const { return (request_.usable >> target & 1) != 0; }
  bool open_to(std::size_t target, std::size_t credential) const;
  Nanos resting_until(std::size_t target, std::size_t credential, Nanos now) const;
  std::uint64_t pair(std::size_t target, std::size_t credential) const;
  bool pick(Nanos now, Choice& choice);
  bool pick_and_enter(Nanos now, Choice& choice);
  bool pick_least_bad(Nanos now, Choice& choice) const;
  std::uint32_t weight_of(std::size_t target, Nanos now) const;
  bool may_ask(std::size_t target, std::size_t credential, Nanos now) const;
  Verdict report(const Outcome& outcome, Nanos now);
  void rest(Verdict verdict, const Outcome& outcome, Nanos now);
  void strike(Verdict verdict);
  bool enter(const Choice& choice, Nanos now);
  Step start(const Choice& choice, Nanos now);
  Step refuse(Stop stop);
  Step next(Nanos now);

  const config::Snapshot& snapshot_;
  const config::Route& route_;
  const HealthView& health_;
  Request request_;
  base::Prng random_;
  Set tried_;
  Choice current_;
  Breaker::Entry entry_ = Breaker::Entry::refused;  // refused: no attempt is under way
  std::uint32_t attempts_ = 0;
  std::size_t brought_for_;  // provider index
  Choice again_;             // who asked for patience, the soonest
  Nanos again_at_ = base::kNever;
};

}  // namespace headrace::route
