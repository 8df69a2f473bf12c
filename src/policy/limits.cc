#include "policy/limits.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace headrace::policy {
namespace {

// A window's state is one word: when it began (28 bits of 0.1 s, which wrap after 310 days) and
// what was taken in it (36 bits). A begin is rounded up, so that no window is shorter than a
// minute.
constexpr Nanos kTick = 100 * base::kMillisecond;
constexpr std::uint64_t kStampMask = (std::uint64_t{1} << 28) - 1;
constexpr unsigned kUsedBits = 36;
constexpr std::uint64_t kUsedMask = (std::uint64_t{1} << kUsedBits) - 1;
constexpr std::int64_t kWindowTicks = kWindow / kTick;
// How far behind another worker's clock may be: five minutes, as after a pause of the machine.
constexpr std::int64_t kSkewTicks = 3000;

struct Window {
  std::uint64_t stamp;
  std::uint64_t used;

  static Window unpack(std::uint64_t word) { return {word >> kUsedBits, word & kUsedMask}; }
  static Window begin(Nanos now) {
    return {static_cast<std::uint64_t>((now + kTick - 1) / kTick) & kStampMask, 0};
  }
  std::uint64_t pack() const { return stamp << kUsedBits | std::min(used, kUsedMask); }

  // Ticks since the window began; a little negative at its begin.
  std::int64_t age(Nanos now) const {
    const auto ticks = static_cast<std::uint64_t>(now / kTick);
    const std::uint64_t distance = (ticks - stamp) & kStampMask;
    const bool behind = distance > kStampMask / 2;
    return static_cast<std::int64_t>(distance) -
           (behind ? static_cast<std::int64_t>(kStampMask) + 1 : 0);
  }
  // Nothing taken: nothing that another window would have to wait for.
  bool over(Nanos now) const {
    const std::int64_t ticks = age(now);
    return used == 0 || ticks >= kWindowTicks || ticks < -kSkewTicks;
  }
  // The window that holds at `now`: this one, or a new one.
  Window at(Nanos now) const { return over(now) ? begin(now) : *this; }
  Nanos left(Nanos now) const {
    return std::clamp<Nanos>((kWindowTicks - age(now)) * kTick - now % kTick, 0, kWindow + kTick);
  }
};

}  // namespace

std::optional<WindowLimit::Stamp> WindowLimit::take(std::uint64_t amount,
                                                    std::uint64_t limit,
                                                    Nanos now) {
  HEADRACE_ASSERT(limit <= kUsedMask);
  HEADRACE_ASSERT(now >= 0);
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  while (true) {
    Window window = Window::unpack(seen).at(now);
    if (amount > limit || window.used > limit - amount) return std::nullopt;
    window.used += amount;
    if (state_.compare_exchange_weak(seen, window.pack(), std::memory_order_relaxed)) {
      return static_cast<Stamp>(window.stamp);
    }
  }
}

void WindowLimit::correct(Stamp stamp, std::uint64_t taken, std::uint64_t used, Nanos now) {
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  while (true) {
    Window window = Window::unpack(seen);
    if (window.stamp == stamp && window.used >= taken) {
      window.used += used - taken;
    } else if (used <= taken) {
      return;
    } else {
      window = window.at(now);
      window.used += used - taken;
    }
    if (state_.compare_exchange_weak(seen, window.pack(), std::memory_order_relaxed)) return;
  }
}

void WindowLimit::give_back(Stamp stamp, std::uint64_t taken) {
  correct(stamp, taken, 0, 0);
}

Allowance WindowLimit::look(std::uint64_t limit, Nanos now) const {
  const Window window = Window::unpack(state_.load(std::memory_order_relaxed));
  if (window.over(now)) return {limit, limit, 0};
  return {limit, limit - std::min(limit, window.used), window.left(now)};
}

bool ConcurrencyLimit::take(std::uint64_t limit) {
  std::uint64_t seen = running_.load(std::memory_order_relaxed);
  do {
    if (seen >= limit) return false;
  } while (!running_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed));
  return true;
}

void ConcurrencyLimit::give_back() {
  const std::uint64_t before = running_.fetch_sub(1, std::memory_order_relaxed);
  HEADRACE_ASSERT(before > 0);
}

std::string_view name_of(Scope scope) {
  switch (scope) {
    case Scope::requests:
      return "requests";
    case Scope::tokens:
      return "tokens";
    case Scope::concurrency:
      return "concurrency";
  }
  return "";
}

base::Errc code_of(Scope scope) {
  switch (scope) {
    case Scope::requests:
      return base::Errc::requests_limited;
    case Scope::tokens:
      return base::Errc::tokens_limited;
    case Scope::concurrency:
      return base::Errc::concurrency_limited;
  }
  return base::Errc::internal;
}

Ticket::Ticket(Ticket&& other) noexcept {
  *this = std::move(other);
}

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  limits_ = std::exchange(other.limits_, nullptr);
  tokens_ = std::exchange(other.tokens_, 0);
  window_ = other.window_;
  holds_tokens_ = std::exchange(other.holds_tokens_, false);
  holds_place_ = std::exchange(other.holds_place_, false);
  return *this;
}

void Ticket::settle(std::uint64_t used_tokens, Nanos now) {
  if (std::exchange(holds_tokens_, false)) {
    // More than a word's share was never used by one request; a provider's nonsense ends here.
    limits_->tokens.correct(window_, tokens_, std::min(used_tokens, kUsedMask / 2), now);
  }
#ifdef HEADRACE_CANARY
  if (used_tokens == 0) holds_place_ = false;  // the planted bug: who used nothing keeps his place
#endif
  give_back_place();
  limits_ = nullptr;
}

void Ticket::give_back_place() {
  if (std::exchange(holds_place_, false)) limits_->running.give_back();
}

void Ticket::release() {
  if (limits_ != nullptr) settle(0, 0);
}

std::optional<Ticket> TicketOffice::issue(
    KeyLimits& limits, const Bounds& bounds, std::uint64_t tokens, Nanos now, Refusal& refusal) {
  const auto refuse = [&](Scope scope, const Allowance& allowance, bool hopeless) {
    refusal = {scope, allowance, hopeless ? base::kNever : std::max<Nanos>(allowance.reset, 1)};
    return std::nullopt;
  };
  std::optional<WindowLimit::Stamp> counted;
  if (bounds.requests != 0) {
    counted = limits.requests.take(1, bounds.requests, now);
    if (!counted) {
      return refuse(Scope::requests, limits.requests.look(bounds.requests, now), false);
    }
  }
  Ticket ticket;
  ticket.limits_ = &limits;
  if (bounds.tokens != 0) {
    const auto window = limits.tokens.take(tokens, bounds.tokens, now);
    if (!window) {
      if (counted) limits.requests.give_back(*counted, 1);
      return refuse(Scope::tokens, limits.tokens.look(bounds.tokens, now), tokens > bounds.tokens);
    }
    ticket.window_ = *window;
    ticket.tokens_ = tokens;
    ticket.holds_tokens_ = true;
  }
  if (bounds.concurrency != 0) {
    if (!limits.running.take(bounds.concurrency)) {
      if (counted) limits.requests.give_back(*counted, 1);
      // Places come free whenever a request ends; a second is a polite guess.
      return refuse(Scope::concurrency, {bounds.concurrency, 0, base::kSecond}, false);
    }
    ticket.holds_place_ = true;
  }
  return ticket;
}

KeyLimits& LimitRegistry::of(std::string_view name) {
  const auto found = limits_.find(name);
  if (found != limits_.end()) return *found->second;
  return *limits_.emplace(std::string(name), std::make_unique<KeyLimits>()).first->second;
}

}  // namespace headrace::policy
