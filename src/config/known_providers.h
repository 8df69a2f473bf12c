// Providers that one knows without being told: where they are, the variable in which people keep
// their key, and which models are theirs by name. What runs without a file is made of them
// (from_environment.h), and a provider at one of these hosts costs what the price table lists for
// it. Names are those of config/prices.json where it has the provider.
#pragma once

#include <span>
#include <string_view>

namespace headrace::config {

struct KnownProvider {
  std::string_view name;
  std::string_view base_url;
  std::string_view dialect;
  std::string_view key_variable;
  std::string_view base_variable{};  // overrides base_url; empty: none is known
  std::string_view models{};         // patterns with `|` between them
  bool has_others = false;           // gets what is nobody's by name
  bool ignores_cancel = false;       // goes on, and charges, when its client goes
};

// In the order in which they are found, and in which equal patterns go to the first.
std::span<const KnownProvider> known_providers();

// Whether whoever is at that host is known not to honour a cancel; also where no entry names it.
bool ignores_cancel(std::string_view host);

// Whose host that is, or null.
const KnownProvider* known_provider_at(std::string_view host);

}  // namespace headrace::config
