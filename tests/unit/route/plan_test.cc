// Goal: every class of failure leads to the right next attempt, within the deadline, the bounds and
// the budget, and leaves the right trace in health. Method: small snapshots, scripted outcomes,
// injected time.
#include "route/plan.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace headrace::route {
namespace {

namespace limits = base::limits;
using base::Errc;
using base::kSecond;
using Kind = Step::Kind;

constexpr Nanos kNow = 1000 * kSecond;

Outcome status(int code, Nanos retry_after = -1) {
  Outcome outcome;
  outcome.error = base::upstream_error(Errc::upstream_status);
  outcome.status = static_cast<std::uint16_t>(code);
  outcome.retry_after = retry_after;
  return outcome;
}

Outcome no_connection() {
  Outcome outcome;
  outcome.error = base::upstream_error(Errc::connect_failed);
  return outcome;
}

// Providers with as many credentials as told, and a route with one target for each.
struct World {
  config::Snapshot snapshot;
  HealthRegistry registry;
  std::unique_ptr<HealthView> health;
  Plan::Request request;

  explicit World(const std::vector<std::size_t>& credentials) {
    snapshot.routes.resize(1);
    for (std::size_t i = 0; i < credentials.size(); ++i) {
      config::Provider provider;
      provider.name = "p" + std::to_string(i);
      for (std::size_t j = 0; j < credentials[i]; ++j) {
        provider.credentials.push_back(
            {"c" + std::to_string(j), provider.name + std::to_string(j), 1});
      }
      snapshot.providers.push_back(provider);
      config::Target target;
      target.name = provider.name;
      target.provider = i;
      snapshot.routes[0].targets.push_back(target);
    }
    request.model = "m";
    request.deadline = kNow + 100 * kSecond;
    build();
  }
  void build() { health = std::make_unique<HealthView>(snapshot, registry); }
  config::Target& target(std::size_t i) { return snapshot.routes[0].targets[i]; }
  Plan plan() const { return Plan(snapshot, *health, request); }
  // Which target the next request begins with.
  std::size_t first(Nanos now = kNow) {
    Plan::Request late = request;
    late.deadline = now + 100 * kSecond;
    Plan plan(snapshot, *health, late);
    ++request.seed;
    const Step step = plan.begin(now);
    REQUIRE(step.kind == Kind::attempt);
    return step.choice.target;
  }
};

void check_attempt(const Step& step, int target, int credential = 0) {
  REQUIRE(step.kind == Kind::attempt);
  CHECK(step.choice.target == target);
  CHECK(step.choice.credential == credential);
}

void check_stop(const Step& step, Stop stop) {
  CHECK(step.kind == Kind::give_up);
  CHECK(step.stop == stop);
}

TEST_CASE("a plain list is tried in its order") {
  World world({1, 1, 1});
  Plan plan = world.plan();
  check_attempt(plan.begin(kNow), 0);
  check_attempt(plan.on_failure(status(503), kNow), 1);
  check_attempt(plan.on_failure(no_connection(), kNow), 2);
  check_stop(plan.on_failure(status(529), kNow), Stop::exhausted);
  CHECK(plan.attempts() == 3);
}

TEST_CASE("a success ends the plan and is good news for the target") {
  World world({1});
  for (int i = 0; i < 20; ++i) {
    Plan bad = world.plan();
    bad.begin(kNow);
    if (i % 3 != 0) {
      bad.on_failure(status(500), kNow);
    } else {
      bad.on_success();
    }
  }
  CHECK(world.health->breaker(0, 0).allows(kNow));
}

TEST_CASE("what is wrong with the request goes straight back") {
  for (const int code : {400, 413, 422, 405}) {
    World world({1, 1});
    Plan plan = world.plan();
    plan.begin(kNow);
    check_stop(plan.on_failure(status(code), kNow), Stop::final);
    CHECK(world.first() == 0);
  }
}

TEST_CASE("a refused key rests, wherever it is used, and others take over") {
  World world({2, 1});
  Plan plan = world.plan();
  const Step first = plan.begin(kNow);
  const int bad = first.choice.credential;
  check_attempt(plan.on_failure(status(401), kNow), 0, 1 - bad);
  check_attempt(plan.on_failure(status(401), kNow), 1);
  plan.on_success();
  CHECK(world.first() == 1);
  CHECK(world.first(kNow + limits::kCredentialRest) == 0);
}

TEST_CASE("an account without credit rests for minutes") {
  for (const int code : {402, 429}) {
    World world({1, 1});
    Plan plan = world.plan();
    plan.begin(kNow);
    Outcome outcome = status(code);
    outcome.insufficient_quota = true;
    check_attempt(plan.on_failure(outcome, kNow), 1);
    CHECK(world.first(kNow + 120 * kSecond) == 1);
    CHECK(world.first(kNow + limits::kQuotaRest) == 0);
  }
}

TEST_CASE("a model that a credential lacks rests for that credential alone") {
  for (const int code : {403, 404}) {
    World world({2, 1});
    Plan plan = world.plan();
    const int lacking = plan.begin(kNow).choice.credential;
    check_attempt(plan.on_failure(status(code), kNow), 0, 1 - lacking);
    plan.on_success();
    for (int i = 0; i < 20; ++i) {
      Plan next = world.plan();
      ++world.request.seed;
      check_attempt(next.begin(kNow), 0, 1 - lacking);
    }
    world.request.model = "other";
    bool seen = false;
    for (int i = 0; i < 50; ++i) {
      Plan next = world.plan();
      ++world.request.seed;
      seen = seen || next.begin(kNow).choice.credential == lacking;
    }
    CHECK(seen);
  }
}

TEST_CASE("a limited target is passed over for as long as it said") {
  World world({1, 1});
  Plan plan = world.plan();
  plan.begin(kNow);
  check_attempt(plan.on_failure(status(429, 20 * kSecond), kNow), 1);
  plan.on_success();
  CHECK(world.first(kNow + 19 * kSecond) == 1);
  CHECK(world.first(kNow + 21 * kSecond) == 0);
}

TEST_CASE("without another target the wait that was asked for is kept, if it fits the deadline") {
  World world({1});
  Plan plan = world.plan();
  plan.begin(kNow);
  const Step step = plan.on_failure(status(429, 2 * kSecond), kNow);
  CHECK(step.kind == Kind::wait);
  CHECK(step.wake_at == kNow + 2 * kSecond);
  check_attempt(plan.after_wait(step.wake_at), 0);

  World hurried({1});
  hurried.request.deadline = kNow + kSecond;
  Plan late = hurried.plan();
  late.begin(kNow);
  check_stop(late.on_failure(status(503, 2 * kSecond), kNow), Stop::exhausted);

  World patient({1});
  patient.request.deadline = base::kNever;
  Plan long_wait = patient.plan();
  long_wait.begin(kNow);
  check_stop(long_wait.on_failure(status(429, 3600 * kSecond), kNow), Stop::exhausted);

  World told({1});
  Plan obedient = told.plan();
  obedient.begin(kNow);
  Outcome outcome = status(429, kSecond);
  outcome.may_retry = false;
  check_stop(obedient.on_failure(outcome, kNow), Stop::exhausted);
}

TEST_CASE("a target that fails again and again is passed over, then probed by one request") {
  World world({1, 1});
  for (std::uint32_t i = 0; i < limits::kBreakerFailures; ++i) {
    Plan plan = world.plan();
    check_attempt(plan.begin(kNow), 0);
    check_attempt(plan.on_failure(no_connection(), kNow), 1);
    plan.on_success();
  }
  CHECK(world.first() == 1);
  const Nanos later = kNow + 2 * limits::kBreakerRest;
  Plan probe = world.plan();
  check_attempt(probe.begin(later), 0);
  CHECK(world.first(later) == 1);
  probe.on_success();
  CHECK(world.first(later) == 0);
}

TEST_CASE("a client that leaves says nothing about the target, and hands a probe back") {
  World world({1, 1});
  for (int i = 0; i < 50; ++i) {
    Plan plan = world.plan();
    check_attempt(plan.begin(kNow), 0);
    if (i % 2 == 0) plan.on_abandoned();
  }
  for (std::uint32_t i = 0; i < limits::kBreakerFailures; ++i) {
    Plan plan = world.plan();
    plan.begin(kNow);
    plan.on_broken(status(500), kNow);
  }
  const Nanos later = kNow + 2 * limits::kBreakerRest;
  {
    CHECK(world.first(later) == 0);
  }
  CHECK(world.first(later) == 0);
}

TEST_CASE("when everybody rests the one that rests least is asked, once") {
  World world({1, 1});
  world.health->credential(0, 0).until(kNow + 50 * kSecond);
  world.health->credential(1, 0).until(kNow + 20 * kSecond);
  Plan plan = world.plan();
  check_attempt(plan.begin(kNow), 1);
  check_stop(plan.on_failure(status(401), kNow), Stop::exhausted);
}

TEST_CASE("equal priorities share by weight, and lower ones go first") {
  World world({1, 1, 1});
  world.target(0).priority = 2;
  world.target(1).priority = 1;
  world.target(1).weight = 3;
  world.target(2).priority = 1;
  std::array<int, 3> counts{};
  for (int i = 0; i < 4000; ++i) ++counts[world.first()];
  CHECK(counts[0] == 0);
  CHECK(counts[1] > 2800);
  CHECK(counts[1] < 3200);
  Plan plan = world.plan();
  const int other = plan.begin(kNow).choice.target == 1 ? 2 : 1;
  check_attempt(plan.on_failure(status(500), kNow), other);
  check_attempt(plan.on_failure(status(500), kNow), 0);
}

TEST_CASE("credentials of one provider share by weight") {
  World world({2});
  world.snapshot.providers[0].credentials[1].weight = 3;
  int second = 0;
  for (int i = 0; i < 4000; ++i) {
    Plan plan = world.plan();
    ++world.request.seed;
    if (plan.begin(kNow).choice.credential == 1) ++second;
  }
  CHECK(second > 2800);
  CHECK(second < 3200);
}

TEST_CASE("a broken connection is not tried with another credential of the same target") {
  World world({3, 1});
  Plan plan = world.plan();
  plan.begin(kNow);
  check_attempt(plan.on_failure(no_connection(), kNow), 1);
}

TEST_CASE("attempts are bounded by the route, and time by the deadline") {
  World world({1, 1, 1});
  world.snapshot.routes[0].attempts = 2;
  Plan plan = world.plan();
  plan.begin(kNow);
  check_attempt(plan.on_failure(status(500), kNow), 1);
  check_stop(plan.on_failure(status(500), kNow), Stop::attempts);
  Plan late = world.plan();
  late.begin(kNow);
  check_stop(late.on_failure(status(500), world.request.deadline), Stop::deadline);
}

TEST_CASE("a client's own key goes to one provider only, and its 401 goes back") {
  World world({1, 2, 1, 1});
  for (const std::size_t i : {1u, 3u}) world.snapshot.providers[i].takes_client_key = true;
  world.target(2).provider = 1;
  world.target(2).model = "second";
  world.build();
  world.request.brought_key = true;
  Plan plan = world.plan();
  check_attempt(plan.begin(kNow), 1);
  check_attempt(plan.on_failure(status(503), kNow), 2);
  check_stop(plan.on_failure(status(503), kNow), Stop::exhausted);
  Plan refused = world.plan();
  refused.begin(kNow);
  check_stop(refused.on_failure(status(401), kNow), Stop::final);
  CHECK(world.health->credential(1, 0).end_of(kNow) == 0);

  World nobody({1});
  nobody.request.brought_key = true;
  check_stop(nobody.plan().begin(kNow), Stop::no_target);
}

TEST_CASE("retries stay within a fifth of the requests, over all workers") {
  for (const int workers : {1, 2, 4}) {
    World world({1, 1});
    std::atomic<int> retries{0};
    std::vector<std::thread> threads;
    constexpr int kRequests = 4000;
    for (int i = 0; i < workers; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < kRequests / workers; ++n) {
          Plan::Request request = world.request;
          request.seed = static_cast<std::uint64_t>(i * kRequests + n);
          Plan plan(world.snapshot, *world.health, request);
          plan.begin(kNow);
          // A 409 opens no breaker, so only the budget can end this.
          if (plan.on_failure(status(409), kNow).kind == Kind::attempt) {
            ++retries;
            plan.on_success();
          }
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(retries <= kRequests / 5 + limits::kRetryStart);
    CHECK(retries >= kRequests / 5);
  }
}

}  // namespace
}  // namespace headrace::route
