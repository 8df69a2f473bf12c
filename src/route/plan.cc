#include "route/plan.h"

#include <algorithm>

#include "base/assert.h"

namespace headrace::route {
namespace {

namespace limits = base::limits;
constexpr std::size_t kNoProvider = static_cast<std::size_t>(-1);

Step give_up(Stop stop) {
  return {Step::Kind::give_up, stop, {}, 0};
}

}  // namespace

Plan::Plan(const config::Snapshot& snapshot, const HealthView& health, const Request& request)
    : snapshot_(snapshot),
      route_(snapshot.routes[request.route]),
      health_(health),
      request_(request),
      random_(request.seed),
      brought_for_(kNoProvider) {
  HEADRACE_ASSERT(route_.targets.size() <= limits::kTargetsPerRoute);
  if (!request.brought_key) return;
  std::uint32_t first = UINT32_MAX;
  for (std::size_t i = 0; i < route_.targets.size(); ++i) {
    const std::size_t provider = route_.targets[i].provider;
    if (!snapshot.providers[provider].takes_client_key || tier(i) >= first || !serves(i)) continue;
    first = tier(i);
    brought_for_ = provider;
  }
}

// -- who there is

std::size_t Plan::credential_count(std::size_t target) const {
  if (request_.brought_key) return 1;
  const config::Provider& provider = snapshot_.providers[route_.targets[target].provider];
  return std::clamp<std::size_t>(provider.credentials.size(), 1, kCredentials);
}

std::uint32_t Plan::tier(std::size_t target) const {
  const std::uint32_t priority = route_.targets[target].priority;
  return priority != 0 ? priority : static_cast<std::uint32_t>(target) + 1;
}

bool Plan::open_to(std::size_t target, std::size_t credential) const {
  if (tried_[target * kCredentials + credential] || !serves(target)) return false;
  return !request_.brought_key || route_.targets[target].provider == brought_for_;
}

std::uint64_t Plan::pair(std::size_t target, std::size_t credential) const {
  const config::Target& to = route_.targets[target];
  const Bytes model = to.model.empty() ? request_.model : Bytes(to.model);
  return HealthView::pair_of(health_.hash_of(to.provider), credential, model);
}

// What others' keys met says nothing about a key that was brought.
Nanos Plan::resting_until(std::size_t target, std::size_t credential, Nanos now) const {
  const Nanos breaker = health_.breaker(request_.route, target).open_until(now);
  if (request_.brought_key) return breaker;
  const Nanos key = health_.credential(route_.targets[target].provider, credential).end_of(now);
  return std::max({breaker, key, health_.pairs().end_of(pair(target, credential), now)});
}

bool Plan::may_ask(std::size_t target, std::size_t credential, Nanos now) const {
  return open_to(target, credential) && resting_until(target, credential, now) == 0;
}

// -- choosing

// The weight of all of a target's credentials that may be asked; 0: none may.
std::uint32_t Plan::weight_of(std::size_t target, Nanos now) const {
  const auto& credentials = snapshot_.providers[route_.targets[target].provider].credentials;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < credential_count(target); ++i) {
    if (may_ask(target, i, now)) sum += i < credentials.size() ? credentials[i].weight : 1;
  }
  return sum;
}

bool Plan::pick(Nanos now, Choice& choice) {
  std::uint32_t best = UINT32_MAX;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < route_.targets.size(); ++i) {
    if (tier(i) > best || weight_of(i, now) == 0) continue;
    if (tier(i) < best) sum = 0;
    best = tier(i);
    // Each takes the place of those before it with the probability of its share.
    sum += route_.targets[i].weight;
    if (random_.below(sum) < route_.targets[i].weight)
      choice.target = static_cast<std::uint16_t>(i);
  }
  if (best == UINT32_MAX) return false;
  const std::size_t target = choice.target;
  const auto& credentials = snapshot_.providers[route_.targets[target].provider].credentials;
  std::uint64_t share = random_.below(weight_of(target, now));
  for (std::size_t i = 0; i < credential_count(target); ++i) {
    if (!may_ask(target, i, now)) continue;
    choice.credential = static_cast<std::uint16_t>(i);
    const std::uint64_t weight = i < credentials.size() ? credentials[i].weight : 1;
    if (share < weight) break;
    share -= weight;
  }
  return true;
}

bool Plan::pick_least_bad(Nanos now, Choice& choice) const {
  Nanos best = base::kNever;
  for (std::size_t i = 0; i < route_.targets.size(); ++i) {
    for (std::size_t j = 0; j < credential_count(i); ++j) {
      const Nanos until = resting_until(i, j, now);
      if (!open_to(i, j) || until >= best) continue;
      best = until;
      choice = {static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(j)};
    }
  }
  return best != base::kNever;
}

// Of several that find a breaker ready for its probe, one gets in; the others look further.
bool Plan::pick_and_enter(Nanos now, Choice& choice) {
  const Set before = tried_;
  bool entered = false;
  while (!entered && pick(now, choice)) {
    entered = enter(choice, now);
    if (!entered) tried_.set(choice.target * kCredentials + choice.credential);
  }
  tried_ = before;
  return entered;
}

bool Plan::enter(const Choice& choice, Nanos now) {
  entry_ = health_.breaker(request_.route, choice.target).enter(now);
  current_ = choice;
  return entry_ != Breaker::Entry::refused;
}

Step Plan::start(const Choice& choice, Nanos now) {
  HEADRACE_ASSERT(now < request_.deadline);
  ++attempts_;
  current_ = choice;
  // Whoever is asked although its breaker is open, is asked like any other.
  if (entry_ == Breaker::Entry::refused) entry_ = Breaker::Entry::normal;
  return {Step::Kind::attempt, Stop::none, choice, 0};
}

Step Plan::begin(Nanos now) {
  HEADRACE_ASSERT(attempts_ == 0);
  health_.budget().on_request();
  if (now >= request_.deadline) return give_up(Stop::deadline);
  Choice choice;
  if (!pick_and_enter(now, choice) && !pick_least_bad(now, choice)) {
    return give_up(Stop::no_target);
  }
  return start(choice, now);
}

Step Plan::next(Nanos now) {
  if (now >= request_.deadline) return give_up(Stop::deadline);
  if (attempts_ >= route_.attempts) return give_up(Stop::attempts);
  Choice choice;
  if (pick_and_enter(now, choice)) {
    return health_.budget().take() ? start(choice, now) : refuse(Stop::budget);
  }
  // Nobody else: what is left is the patience that somebody asked for.
  // Who bounds the wait for a first token has no patience beyond it.
  const Nanos most = route_.first_token_timeout != 0
                         ? std::min(route_.first_token_timeout, limits::kRetryWait)
                         : limits::kRetryWait;
  const bool fits = again_at_ < request_.deadline && again_at_ - now <= most;
  if (again_at_ == base::kNever || !fits) return give_up(Stop::exhausted);
  return {Step::Kind::wait, Stop::none, {}, std::max(again_at_, now)};
}

Step Plan::after_wait(Nanos now) {
  HEADRACE_ASSERT(again_at_ != base::kNever);
  again_at_ = base::kNever;
  if (now >= request_.deadline) return give_up(Stop::deadline);
  if (!enter(again_, now)) return give_up(Stop::exhausted);
  return health_.budget().take() ? start(again_, now) : refuse(Stop::budget);
}

// A probe that was claimed and will not be made is handed back.
Step Plan::refuse(Stop stop) {
  on_abandoned();
  return give_up(stop);
}

// -- what became of it

Step Plan::on_failure(const Outcome& outcome, Nanos now) {
  HEADRACE_ASSERT(entry_ != Breaker::Entry::refused);
  const Verdict verdict = report(outcome, now);
  if (!goes_on(verdict)) return give_up(Stop::final);
  strike(verdict);
  const bool patient =
      verdict == Verdict::limited || verdict == Verdict::busy || verdict == Verdict::target;
  if (patient && outcome.retry_after >= 0 && outcome.may_retry) {
    const Nanos at = now + std::min(outcome.retry_after, 2 * limits::kRetryWait);
    if (at < again_at_) {
      again_at_ = at;
      again_ = current_;
    }
  }
  return next(now);
}

void Plan::on_success() {
  if (entry_ == Breaker::Entry::refused) return;
  health_.breaker(request_.route, current_.target).succeeded();
  entry_ = Breaker::Entry::refused;
}

void Plan::on_abandoned() {
  if (entry_ == Breaker::Entry::refused) return;
  health_.breaker(request_.route, current_.target).abandoned(entry_);
  entry_ = Breaker::Entry::refused;
}

Verdict Plan::report(const Outcome& outcome, Nanos now) {
  const Verdict verdict = judge(outcome, request_.brought_key);
  if (entry_ == Breaker::Entry::refused) return verdict;
  Breaker& breaker = health_.breaker(request_.route, current_.target);
  if (verdict == Verdict::target) {
    breaker.failed(now, entry_);
  } else if (verdict == Verdict::ours) {
    breaker.abandoned(entry_);
  } else {
    breaker.succeeded();  // it is there, and it answers
  }
  entry_ = Breaker::Entry::refused;
  if (!request_.brought_key) rest(verdict, outcome, now);
  return verdict;
}

void Plan::rest(Verdict verdict, const Outcome& outcome, Nanos now) {
  const std::size_t provider = route_.targets[current_.target].provider;
  const Nanos asked = std::min(outcome.retry_after, limits::kLimitedRestMost);
  switch (verdict) {
    case Verdict::credential:
      health_.credential(provider, current_.credential).until(now + limits::kCredentialRest);
      break;
    case Verdict::quota:
      health_.credential(provider, current_.credential).until(now + limits::kQuotaRest);
      break;
    case Verdict::pair:
      health_.pairs().until(pair(current_.target, current_.credential), now + limits::kPairRest);
      break;
    case Verdict::limited:
      health_.pairs().until(pair(current_.target, current_.credential),
                            now + (asked >= 0 ? asked : limits::kLimitedRest));
      break;
    case Verdict::request:
    case Verdict::busy:
    case Verdict::target:
    case Verdict::ours:
      break;
  }
}

// Whom this request does not ask again.
void Plan::strike(Verdict verdict) {
  const auto add = [this](std::size_t target, std::size_t credential) {
    tried_.set(target * kCredentials + credential);
  };
  const std::size_t provider = route_.targets[current_.target].provider;
  switch (verdict) {
    case Verdict::credential:
    case Verdict::quota:
      for (std::size_t i = 0; i < route_.targets.size(); ++i) {
        if (route_.targets[i].provider == provider) add(i, current_.credential);
      }
      break;
    case Verdict::busy:
    case Verdict::target:
#ifdef HEADRACE_CANARY
      break;  // the planted bug: whoever failed is asked again
#endif
      for (std::size_t i = 0; i < kCredentials; ++i) add(current_.target, i);
      break;
    default:
      add(current_.target, current_.credential);
  }
}

}  // namespace headrace::route
