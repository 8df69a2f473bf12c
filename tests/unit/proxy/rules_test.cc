// Goal: what is derived from a configuration says what the configuration says. Method: rules over
// small snapshots and a small price table.
#include "proxy/rules.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "config/known_providers.h"
#include "gateway_scene.h"

namespace headrace::test {
namespace {

config::Snapshot two_routes() {
  config::Snapshot snapshot;
  snapshot.providers.emplace_back().name = "openai";
  snapshot.providers.emplace_back().name = "anthropic";
  snapshot.providers.back().dialect = "anthropic";
  for (const char* model : {"a", "b*"}) {
    config::Route route;
    route.model = model;
    route.targets.push_back({.name = "t1", .provider = 0, .model = "gpt-4o"});
    route.targets.push_back({.name = "t2", .provider = 1, .model = ""});
    snapshot.routes.push_back(route);
  }
  snapshot.epoch = 7;
  return snapshot;
}

}  // namespace

TEST_CASE("providers have their dialect, and targets are counted through all routes") {
  proxy::Registries registries;
  const proxy::Rules rules(two_routes(), registries);
  CHECK(rules.epoch() == 7);
  CHECK(rules.dialect_of(0).name == "openai");
  CHECK(rules.dialect_of(1).name == "anthropic");
  CHECK(rules.target_id(0, 1) == 1);
  CHECK(rules.target_id(1, 0) == 2);
}

TEST_CASE("a target's own model decides its price, else the client's") {
  proxy::Registries registries;
  const proxy::Rules rules(two_routes(), registries, built_in_prices());
  const meter::Price fixed = rules.price_of(0, 0, "whatever");
  REQUIRE(fixed.found());
  CHECK(rules.prices().name(fixed.row) == "openai/gpt-4o");
  CHECK_FALSE(rules.price_of(0, 1, "nobody-knows-it").found());
  CHECK(rules.price_of(0, 1, "claude-sonnet-4-5").found());
}

TEST_CASE("without a table nothing has a price") {
  proxy::Registries registries;
  const proxy::Rules rules(two_routes(), registries);
  CHECK_FALSE(rules.price_of(0, 0, "gpt-4o").found());
}

TEST_CASE("a provider charges as it is told to, else by its name, else by its host") {
  proxy::Registries registries;
  config::Snapshot snapshot = two_routes();
  config::Provider& provider = snapshot.providers[0];
  const auto row = [&] {
    const proxy::Rules rules(snapshot, registries, built_in_prices());
    const meter::Price price = rules.price_of(0, 0, "");
    return price.found() ? std::string(rules.prices().name(price.row)) : "";
  };
  CHECK(row() == "openai/gpt-4o");
  provider.price_as = "none";
  CHECK(row().empty());
  provider.price_as = "mistral";
  CHECK(row().empty());
  provider.name = "lab";
  provider.price_as = "openai";
  CHECK(row() == "openai/gpt-4o");
  provider.price_as.clear();
  CHECK(row().empty());
  provider.host = "api.openai.com";
  CHECK(row() == "openai/gpt-4o");
  provider.name = "anthropic";  // a name wins over a host
  CHECK(row().empty());
}

TEST_CASE("known providers that have prices have them under their own name") {
  const auto prices = built_in_prices();
  std::string without;
  for (const config::KnownProvider& known : config::known_providers()) {
    if (!prices->has_provider(known.name)) without += std::string(known.name) + " ";
  }
  CHECK(without == "openrouter ");  // tells the cost itself
}

TEST_CASE("words are wanted where requests are written down one by one") {
  proxy::Registries registries;
  config::Snapshot snapshot = two_routes();
  CHECK_FALSE(proxy::Rules(snapshot, registries).wants_texts());
  snapshot.log_requests = true;
  CHECK(proxy::Rules(snapshot, registries).wants_texts());
  snapshot.log_requests = false;
  snapshot.audit.path = "audit.jsonl";
  CHECK(proxy::Rules(snapshot, registries).wants_texts());
}

}  // namespace headrace::test
