// Goal: the figures that were promised of connections: nobody waits for one after ten idle minutes,
// a thousand streams need ten, and who does not read holds up nobody else. Method: whole workers in
// worlds that are meant, not drawn, judged by the oracle as any other.
#include "sim_world.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>

#include "oracle.h"
#include "scenario.h"

namespace headrace::sim {
namespace {

using base::kMillisecond;
using base::kSecond;
using base::Nanos;

// One provider, which does nothing wrong, over a network that does nothing wrong.
struct Calm {
  Calm() {
    provider.credentials = {1};
    provider.models = {""};
    provider.calm = true;
    scenario.seed = 1;
  }

  RequestPlan request(bool h2, bool stream) {
    RequestOptions options;
    options.id = ++requests;
    options.h2 = h2;
    options.bad = options.fault = 0;
    options.body_max = 40'000;
    for (;;) {
      RequestPlan plan = make_request(dice, options);
      const bool fits = plan.kind == RequestPlan::Kind::chat && plan.stream == stream;
      // The size of a body tells whose record it is.
      if (fits && !plan.asks_close && sizes.insert(plan.body.size()).second) return plan;
    }
  }

  ClientPlan& client(Nanos start_after, bool h2, std::size_t count, bool stream) {
    ClientPlan plan;
    plan.start_after = start_after;
    plan.h2 = h2;
    for (std::size_t i = 0; i < count; ++i) plan.requests.push_back(request(h2, stream));
    plan.streams.resize(count);
    scenario.clients.push_back(std::move(plan));
    return scenario.clients.back();
  }

  SimWorld& run() {
    config::Snapshot snapshot;
    snapshot.epoch = 1;
    snapshot.access = config::Access::open;
    snapshot.providers.push_back(make_provider(provider));
    config::Route route;
    route.model = "m0";
    route.targets.push_back({.name = "p0", .provider = 0, .model = ""});
    snapshot.routes.push_back(route);
    scenario.providers.push_back(provider);
    scenario.snapshots.push_back(std::move(snapshot));
    world = std::make_unique<SimWorld>(scenario, verdict);
    world->run();
    judge(*world, verdict, tally);
    for (const std::string& fault : verdict.faults()) MESSAGE(fault);
    CHECK(verdict.good());
    return *world;
  }

  base::Prng dice{7};
  ProviderPlan provider;
  Scenario scenario;
  std::uint64_t requests = 0;
  std::set<std::size_t> sizes;
  Verdict verdict;
  Tally tally;
  std::unique_ptr<SimWorld> world;
};

}  // namespace

TEST_CASE("after ten idle minutes no request waits for a handshake") {
  Calm calm;
  calm.provider.warm_min = 1;
  SUBCASE("HTTP/1.1, whose server ends what idles for 30 s") {
    calm.provider.idle_limit = 30 * kSecond;
  }
  SUBCASE("HTTP/1.1, whose server lets it idle") {}
  SUBCASE("HTTP/2") {
    calm.provider.h2 = true;
  }
  calm.client(kSecond, false, 1, true);
  for (const Nanos minutes : {10, 20, 25, 40}) calm.client(minutes * 60 * kSecond, true, 1, true);
  const SimWorld& world = calm.run();
  CHECK(calm.tally.streams + calm.tally.broken_streams == 5);
  CHECK(world.pool_counters().waits == 0);
  CHECK(world.pool_counters().reuses == 5);
}

TEST_CASE("a thousand streams to one origin need no more than ten connections") {
  Calm calm;
  calm.provider.h2 = true;
  calm.provider.thinks = 2 * kSecond;
  for (int i = 0; i < 10; ++i) calm.client(kMillisecond, true, 100, false);
  const SimWorld& world = calm.run();
  CHECK(calm.tally.plain == 1000);
  CHECK(world.provider(0).servings.size() == 1000);
  CHECK(world.provider(0).peers.size() <= 10);
  CHECK(world.pool_counters().connects <= 10);
}

// More than the connection's window goes by while some streams give none of theirs.
TEST_CASE("streams that give no window hold up no other, however much goes by") {
  Calm calm;
  calm.provider.h2 = true;
  ClientPlan& client = calm.client(kMillisecond, true, 90, false);
  for (std::size_t i = 0; i < client.requests.size(); ++i) {
    client.requests[i].answers.size_max = 1'000'000;
    const bool stalls = i % 10 == 0;
    if (!stalls) continue;
    client.streams[i].reading = ClientPlan::Reading::stalls;
    client.streams[i].give_after = 20 * kSecond;
  }
  const SimWorld& world = calm.run();
  CHECK(calm.tally.plain == 90);
  CHECK(world.provider(0).peers.size() == 1);
  std::uint64_t bytes = 0;
  for (const auto& serving : world.provider(0).servings) bytes += serving->answer.payload.size();
  CHECK(bytes > 2 * base::limits::kH2ConnectionWindow);
  // Those that read had all of theirs long before the others went on.
  for (const auto& [id, of] : world.records()) {
    const Record& record = of.requests.front();
    if (record.settled_ns < 10 * kSecond) bytes -= record.bytes_out;
  }
  CHECK(bytes < 10 * std::uint64_t{1'000'000});
}

}  // namespace headrace::sim
