// What a key may use: requests and tokens a minute, requests at the same time. Exact over all
// workers: every limit is one atomic word on a cache line of its own, changed by compare-and-swap
// at admission, so that no interleaving admits one too many.
//
// The rule of the minute: a window begins with the first admission after the last window ended and
// lasts a minute (and at most 0.1 s more). Within a window never more than N are admitted. Two
// windows may lie back to back, so any other minute sees at most 2 N. Tokens are reserved as
// estimated and corrected when the request settles; what it used beyond its reservation counts
// where it was reserved, or in the window at hand when that one is over.
//
// Time is monotonic and comes from the caller; workers' clocks may differ by minutes. The counts
// belong to the process (LimitRegistry) and so survive reloads, also of the bounds. A bound of 0 is
// none, and what it would bound is not counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace headrace::policy {

using base::Nanos;

inline constexpr Nanos kWindow = 60 * base::kSecond;

struct Allowance {
  std::uint64_t limit = 0;
  std::uint64_t remaining = 0;
  Nanos reset = 0;  // until everything is there again
};

class alignas(64) WindowLimit {
 public:
  using Stamp = std::uint32_t;  // which window; to be handed back

  // Takes `amount` if the window at hand has room for it.
  std::optional<Stamp> take(std::uint64_t amount, std::uint64_t limit, Nanos now);
  // Puts `used` in the place of what was taken in the window `stamp`.
  void correct(Stamp stamp, std::uint64_t taken, std::uint64_t used, Nanos now);
  // Takes back what was taken. Nothing happens when the window is over.
  void give_back(Stamp stamp, std::uint64_t taken);

  Allowance look(std::uint64_t limit, Nanos now) const;

 private:
  std::atomic<std::uint64_t> state_{0};  // see limits.cc
};

class alignas(64) ConcurrencyLimit {
 public:
  bool take(std::uint64_t limit);
  void give_back();
  std::uint64_t running() const { return running_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> running_{0};
};

struct Bounds {
  std::uint64_t requests = 0;  // a minute
  std::uint64_t tokens = 0;    // a minute
  std::uint64_t concurrency = 0;
};

struct KeyLimits {
  WindowLimit requests;
  WindowLimit tokens;
  ConcurrencyLimit running;
};

enum class Scope : std::uint8_t { requests, tokens, concurrency };
std::string_view name_of(Scope scope);

struct Refusal {
  Scope scope = Scope::requests;
  Allowance allowance;
  // kNever: it asks for more than the limit, and no waiting helps.
  Nanos retry_after = 0;
};

// What an admitted request must give back, exactly once: by settle(), or by the end of the ticket,
// as when a request failed before it used anything. The request itself stays counted. Owned by the
// exchange; an empty ticket gives back nothing.
class Ticket {
 public:
  Ticket() = default;
  Ticket(Ticket&& other) noexcept;
  Ticket& operator=(Ticket&& other) noexcept;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() { release(); }

  // The request is over and used that many tokens.
  void settle(std::uint64_t used_tokens, Nanos now);
  // The request is over and used none.
  void release();
  // It does not count among those that run any more; its tokens are still to be settled.
  void give_back_place();

  std::uint64_t reserved_tokens() const { return tokens_; }

 private:
  friend class TicketOffice;

  KeyLimits* limits_ = nullptr;
  std::uint64_t tokens_ = 0;
  WindowLimit::Stamp window_ = 0;
  bool holds_tokens_ = false;
  bool holds_place_ = false;
};

// Requests, then tokens, then a place: the first bound that is reached refuses, and what was taken
// before it is put back.
class TicketOffice {
 public:
  static std::optional<Ticket> issue(
      KeyLimits& limits, const Bounds& bounds, std::uint64_t tokens, Nanos now, Refusal& refusal);
};

base::Errc code_of(Scope scope);

// Every key that ever had limits, by name, for the life of the process. Control thread; what it
// hands out stays where it is and is for all threads.
class LimitRegistry {
 public:
  KeyLimits& of(std::string_view name);

 private:
  std::map<std::string, std::unique_ptr<KeyLimits>, std::less<>> limits_;
};

}  // namespace headrace::policy
