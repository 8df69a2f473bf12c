// Goal: nothing that a configuration asks for is silently ignored. Method: the embedded default
// with one thing more.
#include "config/served.h"

#include <doctest/doctest.h>

#include "config/load.h"
#include "config/print.h"

using namespace headrace::config;

TEST_CASE("the embedded default is served as it is") {
  CHECK(not_served(default_config()).empty());
}

TEST_CASE("what is not served yet is refused by name") {
  Snapshot snapshot = default_config();
  SUBCASE("client keys") {
    snapshot.keys.emplace_back();
    CHECK(not_served(snapshot).at(0).find("`keys`") == 0);
  }
  SUBCASE("access by key") {
    snapshot.access = Access::keys;
    CHECK(not_served(snapshot).at(0).find("`access: keys`") == 0);
  }
  SUBCASE("a second target") {
    snapshot.routes[0].targets.push_back(snapshot.routes[0].targets[0]);
    CHECK(not_served(snapshot).size() == 1);
  }
  SUBCASE("several credentials") {
    snapshot.providers[0].credentials.resize(2);
    CHECK(not_served(snapshot).size() == 1);
  }
  SUBCASE("Anthropic's API towards a provider") {
    snapshot.providers[0].dialect = "anthropic";
    CHECK(not_served(snapshot).size() == 1);
  }
}

TEST_CASE("audit, request log and prices are served") {
  Snapshot snapshot = default_config();
  snapshot.audit = {.path = "a.jsonl", .required = true};
  snapshot.log_requests = true;
  snapshot.prices = "p.json";
  CHECK(not_served(snapshot).empty());
}

TEST_CASE("the reference lists what is not served") {
  CHECK(docs_markdown().find(not_served_markdown()) != std::string::npos);
}
