#include "server/rulebook.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "net/address.h"
#include "net/resolver.h"

namespace headrace::server {
namespace {

bool is_unix(const config::Provider& provider) {
  return provider.scheme == "http+unix";
}

bool is_name(const config::Provider& provider) {
  const std::string& host = provider.peer_host();
  return !is_unix(provider) && host != "localhost" && !net::parse_literal(host, 0);
}

void resolve(config::Snapshot& snapshot) {
  for (config::Provider& provider : snapshot.providers) {
    if (is_unix(provider)) {
      provider.addresses = {net::parse_address("unix:" + provider.host)->storage};
      continue;
    }
    base::Result<std::vector<sockaddr_storage>> found =
        net::resolve(provider.peer_host(), provider.peer_port());
    if (found) {
      provider.addresses = std::move(*found);
    } else {
      HEADRACE_LOG_WARNING("provider %s: %s: %s",
                           provider.name.c_str(),
                           provider.peer_host().c_str(),
                           net::explain_resolve_error(found.error()).c_str());
    }
  }
}

// Whether an address has changed.
bool resolve_again(config::Snapshot& snapshot) {
  bool changed = false;
  for (config::Provider& provider : snapshot.providers) {
    if (!is_name(provider)) continue;
    base::Result<std::vector<sockaddr_storage>> found =
        net::resolve(provider.peer_host(), provider.peer_port());
    if (!found) continue;
    const bool same = std::equal(found->begin(),
                                 found->end(),
                                 provider.addresses.begin(),
                                 provider.addresses.end(),
                                 [](const auto& left, const auto& right) {
                                   return net::from_storage(left) == net::from_storage(right);
                                 });
    if (same) continue;
    provider.addresses = std::move(*found);
    changed = true;
  }
  return changed;
}

}  // namespace

Rulebook::Rulebook(exporter::Journal& journal)
    : journal_(journal), next_epoch_(journal.next_epoch()) {}

const proxy::Rules* Rulebook::add(config::Snapshot snapshot, std::string& fault) {
  std::shared_ptr<const meter::PriceTable> prices = prices_.load(snapshot, fault);
  if (prices == nullptr) return nullptr;
  resolve(snapshot);
  return go_live(std::move(snapshot), std::move(prices), fault);
}

const proxy::Rules* Rulebook::add_refreshed(std::string& fault) {
  fault.clear();
  config::Snapshot next = snapshot();
  if (!resolve_again(next)) return nullptr;
  return go_live(std::move(next), current().shared_prices(), fault);
}

// Records may only speak of a configuration that the dictionary knows.
const proxy::Rules* Rulebook::go_live(config::Snapshot snapshot,
                                      std::shared_ptr<const meter::PriceTable> prices,
                                      std::string& fault) {
  const bool required = snapshot.audit.required;
  snapshot.epoch = next_epoch_;
  auto rules = std::make_unique<proxy::Rules>(std::move(snapshot), registries_, std::move(prices));
  if (const base::Status learnt = journal_.learn(dictionary_of(*rules)); !learnt) {
    const std::string what =
        std::string("the dictionary in the state directory cannot be written: ") +
        std::strerror(learnt.error().os_errno);
    if (required) {
      fault = "audit.required: " + what;
      return nullptr;
    }
    HEADRACE_LOG_WARNING("%s", what.c_str());
  }
  ++next_epoch_;
  rules_.push_back(std::move(rules));
  return rules_.back().get();
}

void Rulebook::prune(std::uint64_t epoch) {
  while (rules_.size() > 1 && rules_.front()->epoch() < epoch) rules_.erase(rules_.begin());
}

bool Rulebook::has_names() const {
  const auto& providers = snapshot().providers;
  return std::any_of(providers.begin(), providers.end(), is_name);
}

exporter::Dictionary Rulebook::dictionary_of(const proxy::Rules& rules) {
  exporter::Dictionary dictionary = exporter::Dictionary::of(rules.snapshot);
  const meter::PriceTable& prices = rules.prices();
  for (std::uint32_t row = 0; row < prices.size(); ++row) {
    dictionary.prices.emplace_back(prices.name(row));
  }
  return dictionary;
}

}  // namespace headrace::server
