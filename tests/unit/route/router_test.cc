// Goal: the right route for a model. Method: small snapshots, exact names and globs.
#include "route/router.h"

#include <doctest/doctest.h>

using headrace::config::Snapshot;
using headrace::route::pick_route;

namespace {

Snapshot with_models(std::initializer_list<const char*> models) {
  Snapshot snapshot;
  for (const char* model : models) {
    snapshot.routes.emplace_back();
    snapshot.routes.back().model = model;
  }
  return snapshot;
}

}  // namespace

TEST_CASE("an exact name wins over a glob that stands before it") {
  const Snapshot snapshot = with_models({"*", "gpt-*", "gpt-4"});
  CHECK(pick_route(snapshot, "gpt-4") == &snapshot.routes[2]);
}

TEST_CASE("of several globs the first in the configuration wins") {
  const Snapshot snapshot = with_models({"gpt-*", "*"});
  CHECK(pick_route(snapshot, "gpt-5") == &snapshot.routes[0]);
  CHECK(pick_route(snapshot, "claude") == &snapshot.routes[1]);
}

TEST_CASE("a model that no route names has no route") {
  const Snapshot snapshot = with_models({"gpt-4"});
  CHECK(pick_route(snapshot, "gpt-4o") == nullptr);
  CHECK(pick_route(snapshot, "") == nullptr);
}
