// Who is worth asking: a breaker for each target, a rest for each credential, rests for pairs of a
// credential and a model, and the budget of retries. All of it belongs to the process, is shared by
// all workers through single atomic words, and survives reloads: HealthRegistry (control thread)
// hands it out by name, and a HealthView lays it out by the indices of one snapshot. Time is
// monotonic and comes from the caller.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/time.h"
#include "config/snapshot.h"

namespace headrace::route {

using base::Bytes;
using base::Nanos;

// Opens after kBreakerFailures failures in a row, for a time that doubles with each further
// opening. Then one request, the probe, finds out; who claims it is decided by one
// compare-and-swap. A probe that never reports loses its claim after kProbeLease.
class alignas(64) Breaker {
 public:
  enum class Entry : std::uint8_t { refused, normal, probe };

  bool allows(Nanos now) const;
  Entry enter(Nanos now);
  void succeeded();
  void failed(Nanos now, Entry entered);
  // The attempt ended without saying anything about the target.
  void abandoned(Entry entered);
  Nanos open_until(Nanos now) const;  // 0: closed

 private:
  std::atomic<std::uint64_t> state_{0};  // see health.cc
};

// Not to be asked until then.
class alignas(64) Rest {
 public:
  void until(Nanos time);
  void end() { until_.store(0, std::memory_order_relaxed); }
  Nanos end_of(Nanos now) const;  // 0: it does not rest

 private:
  std::atomic<Nanos> until_{0};
};

// Rests of things that only requests name (models). Of fixed size: each has one place by its hash,
// and a newcomer takes it over; what is forgotten is asked once more.
class RestTable {
 public:
  void until(std::uint64_t id, Nanos time);
  void end(std::uint64_t id);
  Nanos end_of(std::uint64_t id, Nanos now) const;

 private:
  static constexpr std::size_t kPlaces = 1024;
  std::array<std::atomic<std::uint64_t>, kPlaces> places_{};
};

// Retries never exceed a fifth of the requests since the start and kRetryStart more: each request
// brings a fifth of a retry, each retry takes a whole one. At most kRetryBurst are kept, and while
// it is full nobody writes to it.
class alignas(64) RetryBudget {
 public:
  void on_request();
  bool take();

 private:
  std::atomic<std::int64_t> fifths_{5 * base::limits::kRetryStart};
};

class HealthRegistry {
 public:
  Breaker& breaker(const std::string& name);
  Rest& credential(const std::string& name);
  RestTable& pairs() { return pairs_; }
  RetryBudget& budget() { return budget_; }

 private:
  std::map<std::string, std::unique_ptr<Breaker>> breakers_;
  std::map<std::string, std::unique_ptr<Rest>> credentials_;
  RestTable pairs_;
  RetryBudget budget_;
};

// Built with a snapshot, immutable; what it points to is not. The registry outlives it.
class HealthView {
 public:
  HealthView(const config::Snapshot& snapshot, HealthRegistry& registry);

  Breaker& breaker(std::size_t route, std::size_t target) const {
    return *breakers_[route][target];
  }
  Rest& credential(std::size_t provider, std::size_t credential) const {
    return *credentials_[provider][credential];
  }
  // Names a credential's use of a model.
  static std::uint64_t pair_of(std::size_t provider_hash, std::size_t credential, Bytes model);
  std::size_t hash_of(std::size_t provider) const { return provider_hashes_[provider]; }
  RestTable& pairs() const { return *pairs_; }
  RetryBudget& budget() const { return *budget_; }

 private:
  std::vector<std::vector<Breaker*>> breakers_;  // by route and target
  std::vector<std::vector<Rest*>> credentials_;  // by provider and credential
  std::vector<std::size_t> provider_hashes_;
  RestTable* pairs_;
  RetryBudget* budget_;
};

}  // namespace headrace::route
