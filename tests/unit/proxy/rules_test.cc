// Goal: what is derived from a configuration says what the configuration says. Method: rules over
// small snapshots and a small price table.
#include "proxy/rules.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

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

std::shared_ptr<const meter::PriceTable> built_in_prices() {
  std::string fault;
  auto table = meter::PriceTable::parse(meter::PriceTable::built_in(), fault);
  REQUIRE(table.has_value());
  return std::make_shared<const meter::PriceTable>(std::move(*table));
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
