// Goal: who says that a session begins finds a connection when it does, and learns how each target
// stands. Method: a pool in the simulated world, two providers of which one has no address.
#include "proxy/prewarm.h"

#include <doctest/doctest.h>

#include <string>

#include "sim_stage.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

config::Snapshot configuration() {
  config::Snapshot snapshot;
  snapshot.providers.emplace_back().name = "up";
  snapshot.providers.emplace_back().name = "lost";
  config::Route route;
  route.model = "m";
  route.targets.push_back({.name = "up/m", .provider = 0, .model = ""});
  route.targets.push_back({.name = "lost", .provider = 1, .model = ""});
  snapshot.routes.push_back(route);
  snapshot.epoch = 1;
  return snapshot;
}

struct Bench : SimStage {
  Bench() {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 80);
    endpoint.size = sizeof(sockaddr_in);
    pool.origin("up").set_endpoints({endpoint});
    live.rules = &rules;
    live.origins = {&pool.origin("up"), &pool.origin("lost")};
  }
  ~Bench() {
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  std::string ask(const policy::Caller& caller = {}) {
    return std::string(proxy::prewarm(pool, live, caller, io.blocks()).view());
  }

  House server{net, sim::SimNet::address(2, 80)};
  upstream::Pool pool{io, {}};
  proxy::Registries registries;
  proxy::Rules rules{configuration(), registries};
  proxy::Live live;
};

std::string answer(const char* state) {
  return std::string(R"({"object":"list","data":[{"target":"up/m","provider":"up","state":")") +
         state + R"("},{"target":"lost","provider":"lost","state":"cold"}]})";
}

}  // namespace

TEST_CASE("a target without a connection gets one, and once it is there no other") {
  Bench bench;
  CHECK(bench.ask() == answer("connecting"));
  CHECK(bench.ask() == answer("connecting"));
  bench.settle();
  CHECK(bench.ask() == answer("warm"));
  bench.settle();
  CHECK(bench.server.count() == 1);
}

TEST_CASE("a target that does not answer is cold for a moment, and not stormed") {
  Bench bench;
  bench.server.set_mode(sim::SimListenerPeer::Mode::refuses);
  bench.ask();
  bench.settle();
  CHECK(bench.ask() == answer("cold"));
  CHECK(bench.pool.counters().connects == 1);
}

}  // namespace headrace::test
