// Rules: one configuration and everything that was built from it before it went live: who may ask,
// who is worth asking, what it costs. Built by the control thread (it allocates), immutable
// afterwards, shared by all workers. What counts and outlives a configuration (limits, health) is
// in the Registries, which belong to the process and outlive every Rules.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/snapshot.h"
#include "dialect/dialect.h"
#include "meter/prices.h"
#include "policy/admission.h"
#include "route/health.h"

namespace headrace::proxy {

struct Registries {
  policy::LimitRegistry limits;
  route::HealthRegistry health;
};

class Rules {
 public:
  // `prices` may be null: then nothing has a price.
  Rules(config::Snapshot configured,
        Registries& registries,
        std::shared_ptr<const meter::PriceTable> prices = nullptr);
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  const config::Snapshot snapshot;
  const policy::Admission admission;
  const route::HealthView health;

  std::uint64_t epoch() const { return snapshot.epoch; }
  const dialect::Dialect& dialect_of(std::size_t provider) const { return *dialects_[provider]; }
  // Records count targets through all routes.
  std::uint32_t target_id(std::size_t route, std::size_t target) const {
    return first_target_[route] + static_cast<std::uint32_t>(target);
  }
  // What the target charges for a model; of a target that has a name of its own for the model it
  // was looked up before.
  meter::Price price_of(std::size_t route, std::size_t target, base::Bytes model) const;
  const meter::PriceTable& prices() const { return *prices_; }
  const std::shared_ptr<const meter::PriceTable>& shared_prices() const { return prices_; }
  // Somebody writes requests down one by one, and with them the words that records have no room
  // for.
  bool wants_texts() const { return !snapshot.audit.path.empty() || snapshot.log_requests; }

 private:
  std::shared_ptr<const meter::PriceTable> prices_;
  std::vector<const dialect::Dialect*> dialects_;  // by provider
  std::vector<base::Bytes> price_names_;           // by provider; empty: it has no prices
  std::vector<std::uint32_t> first_target_;        // by route
  std::vector<meter::Price> target_prices_;        // by target id
};

}  // namespace headrace::proxy
