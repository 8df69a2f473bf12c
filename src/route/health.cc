#include "route/health.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "base/assert.h"
#include "base/limits.h"

namespace headrace::route {
namespace {

namespace limits = base::limits;

// A breaker in one word: open until (40 bits of milliseconds, 34 years; 0: closed), failures in a
// row (12 bits), openings in a row (11 bits), whether somebody probes (1 bit).
struct BreakerState {
  std::uint64_t until = 0;
  std::uint64_t failures = 0;
  std::uint64_t openings = 0;
  bool probing = false;

  static BreakerState unpack(std::uint64_t word) {
    return {word >> 24, word >> 12 & 0xfff, word >> 1 & 0x7ff, (word & 1) != 0};
  }
  std::uint64_t pack() const {
    return until << 24 | failures << 12 | openings << 1 | (probing ? 1u : 0u);
  }

  void open(std::uint64_t now) {
    const std::uint64_t doublings = std::min<std::uint64_t>(openings, 20);
    const auto least = static_cast<std::uint64_t>(limits::kBreakerRest / base::kMillisecond);
    const auto most = static_cast<std::uint64_t>(limits::kBreakerRestMost / base::kMillisecond);
    until = now + std::min(least << doublings, most);
    openings = std::min<std::uint64_t>(openings + 1, 0x7ff);
    failures = 0;
    probing = false;
  }
};

// At least 1, so that no time looks like "closed".
std::uint64_t milliseconds(Nanos time) {
  HEADRACE_ASSERT(time >= 0);
  return static_cast<std::uint64_t>(time / base::kMillisecond) + 1;
}

Nanos nanos(std::uint64_t time) {
  return static_cast<Nanos>(time - 1) * base::kMillisecond;
}

// Of one word by a change that may decline.
template <typename Change>
void update(std::atomic<std::uint64_t>& word, Change change) {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  while (true) {
    BreakerState state = BreakerState::unpack(seen);
    if (!change(state)) return;
    if (word.compare_exchange_weak(seen, state.pack(), std::memory_order_relaxed)) return;
  }
}

}  // namespace

bool Breaker::allows(Nanos now) const {
  const BreakerState state = BreakerState::unpack(state_.load(std::memory_order_relaxed));
  return state.until == 0 || milliseconds(now) >= state.until;
}

Breaker::Entry Breaker::enter(Nanos now) {
  Entry entry = Entry::normal;
  const std::uint64_t time = milliseconds(now);
  update(state_, [&](BreakerState& state) {
    entry = state.until == 0 ? Entry::normal : Entry::refused;
    if (state.until == 0 || time < state.until) return false;
    entry = Entry::probe;
    state.probing = true;
    state.until = time + static_cast<std::uint64_t>(limits::kProbeLease / base::kMillisecond);
    return true;
  });
  return entry;
}

void Breaker::succeeded() {
  if (state_.load(std::memory_order_relaxed) != 0) state_.store(0, std::memory_order_relaxed);
}

void Breaker::failed(Nanos now, Entry entered) {
  const std::uint64_t time = milliseconds(now);
  update(state_, [&](BreakerState& state) {
    // While it is open only the probe has news.
    if (state.until != 0 && entered != Entry::probe) return false;
    ++state.failures;
    if (state.until != 0 || state.failures >= limits::kBreakerFailures) state.open(time);
    return true;
  });
}

void Breaker::abandoned(Entry entered) {
  if (entered != Entry::probe) return;
  update(state_, [](BreakerState& state) {
    if (!state.probing) return false;
    state.probing = false;
    state.until = 1;  // long ago: the next one may probe
    return true;
  });
}

Nanos Breaker::open_until(Nanos now) const {
  const BreakerState state = BreakerState::unpack(state_.load(std::memory_order_relaxed));
  return state.until > milliseconds(now) ? nanos(state.until) : 0;
}

void Rest::until(Nanos time) {
  Nanos seen = until_.load(std::memory_order_relaxed);
  while (seen < time && !until_.compare_exchange_weak(seen, time, std::memory_order_relaxed)) {
  }
}

Nanos Rest::end_of(Nanos now) const {
  const Nanos end = until_.load(std::memory_order_relaxed);
  return end > now ? end : 0;
}

// A place holds 24 bits of the id that its number does not tell, and the time in milliseconds.
void RestTable::until(std::uint64_t id, Nanos time) {
  const std::uint64_t word = id >> 40 << 40 | milliseconds(time);
  places_[id % kPlaces].store(word, std::memory_order_relaxed);
}

void RestTable::end(std::uint64_t id) {
  std::uint64_t seen = places_[id % kPlaces].load(std::memory_order_relaxed);
  if (seen == 0 || seen >> 40 != id >> 40) return;
  places_[id % kPlaces].compare_exchange_strong(seen, 0, std::memory_order_relaxed);
}

Nanos RestTable::end_of(std::uint64_t id, Nanos now) const {
  constexpr std::uint64_t kTime = (std::uint64_t{1} << 40) - 1;
  const std::uint64_t word = places_[id % kPlaces].load(std::memory_order_relaxed);
  const bool rests = word >> 40 == id >> 40 && (word & kTime) > milliseconds(now);
  return rests ? nanos(word & kTime) : 0;
}

void RetryBudget::on_request() {
  constexpr std::int64_t kFull = 5 * limits::kRetryBurst;
  if (fifths_.load(std::memory_order_relaxed) < kFull) {
    fifths_.fetch_add(1, std::memory_order_relaxed);
  }
}

bool RetryBudget::take() {
  std::int64_t seen = fifths_.load(std::memory_order_relaxed);
  do {
    if (seen < 5) return false;
  } while (!fifths_.compare_exchange_weak(seen, seen - 5, std::memory_order_relaxed));
  return true;
}

Breaker& HealthRegistry::breaker(const std::string& name) {
  std::unique_ptr<Breaker>& found = breakers_[name];
  if (found == nullptr) found = std::make_unique<Breaker>();
  return *found;
}

Rest& HealthRegistry::credential(const std::string& name) {
  std::unique_ptr<Rest>& found = credentials_[name];
  if (found == nullptr) found = std::make_unique<Rest>();
  return *found;
}

HealthView::HealthView(const config::Snapshot& snapshot, HealthRegistry& registry)
    : pairs_(&registry.pairs()), budget_(&registry.budget()) {
  const std::hash<std::string_view> hash;
  for (const config::Provider& provider : snapshot.providers) {
    const std::string place = provider.name + " " + provider.base_url + " ";
    std::size_t keys = hash(place);
    std::vector<Rest*>& list = credentials_.emplace_back();
    // Another key is another credential, whatever its name: a reload that replaces a bad key helps
    // at once. Names hold only a hash of it.
    for (const config::Credential& credential : provider.credentials) {
      const std::size_t key = hash(credential.api_key);
      keys = keys * 31 + key;
      list.push_back(&registry.credential(place + credential.name + " " + std::to_string(key)));
    }
    if (list.empty()) list.push_back(&registry.credential(place));
    provider_hashes_.push_back(keys);
  }
  for (const config::Route& route : snapshot.routes) {
    std::vector<Breaker*>& list = breakers_.emplace_back();
    for (const config::Target& target : route.targets) {
      const config::Provider& provider = snapshot.providers[target.provider];
      list.push_back(
          &registry.breaker(provider.name + " " + provider.base_url + " " + target.model));
    }
  }
}

std::uint64_t HealthView::pair_of(std::size_t provider_hash, std::size_t credential, Bytes model) {
  // Both ends of the number are used, so they must be mixed well (the finisher of splitmix64).
  std::uint64_t z =
      provider_hash + credential * 0x9e3779b97f4a7c15ULL + std::hash<std::string_view>()(model);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace headrace::route
