#include "proxy/rules.h"

#include "base/assert.h"
#include "config/known_providers.h"

namespace headrace::proxy {
namespace {

const std::shared_ptr<const meter::PriceTable>& no_prices() {
  static const auto kNone = std::make_shared<const meter::PriceTable>();
  return kNone;
}

std::shared_ptr<const meter::PriceTable> or_none(std::shared_ptr<const meter::PriceTable> prices) {
  if (prices != nullptr) return prices;
  return no_prices();
}

// What the price table calls a provider.
base::Bytes price_name(const config::Provider& provider, const meter::PriceTable& prices) {
  if (provider.price_as == config::kNoPrices) return {};
  if (!provider.price_as.empty()) return provider.price_as;
  if (prices.has_provider(provider.name)) return provider.name;
  const config::KnownProvider* known = config::known_provider_at(provider.host);
  return known == nullptr ? base::Bytes() : known->name;
}

}  // namespace

Rules::Rules(config::Snapshot configured,
             Registries& registries,
             std::shared_ptr<const meter::PriceTable> prices)
    : snapshot(std::move(configured)),
      admission(snapshot, registries.limits),
      health(snapshot, registries.health),
      prices_(or_none(std::move(prices))) {
  for (const config::Provider& provider : snapshot.providers) {
    dialects_.push_back(dialect::find_dialect(provider.dialect));
    HEADRACE_ASSERT(dialects_.back() != nullptr);  // checked with the configuration
    price_names_.push_back(price_name(provider, *prices_));
  }
  for (const config::Route& route : snapshot.routes) {
    first_target_.push_back(static_cast<std::uint32_t>(target_prices_.size()));
    for (const config::Target& target : route.targets) {
      const std::string& model = target.model;
      target_prices_.push_back(model.empty() ? meter::Price{}
                                             : prices_->find(price_names_[target.provider], model));
    }
  }
}

meter::Price Rules::price_of(std::size_t route, std::size_t target, base::Bytes model) const {
  const config::Target& asked = snapshot.routes[route].targets[target];
  if (!asked.model.empty()) return target_prices_[target_id(route, target)];
  return prices_->find(price_names_[asked.provider], model);
}

}  // namespace headrace::proxy
