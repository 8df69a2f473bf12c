// Goal: whoever fails rests, one probe finds out, and retries stay within their budget, also with
// several workers. Method: injected time; then 1, 2 and 4 threads at once.
#include "route/health.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"

namespace headrace::route {
namespace {

namespace limits = base::limits;
using base::kSecond;
using Entry = Breaker::Entry;

constexpr Nanos kNow = 1000 * kSecond;

void open(Breaker& breaker, Nanos now = kNow) {
  for (std::uint32_t i = 0; i < limits::kBreakerFailures; ++i) breaker.failed(now, Entry::normal);
}

template <typename Work>
void on_threads(int count, Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
}

TEST_CASE("a breaker opens after failures in a row, not after as many in all") {
  Breaker breaker;
  for (int round = 0; round < 10; ++round) {
    for (std::uint32_t i = 1; i < limits::kBreakerFailures; ++i) {
      breaker.failed(kNow, Entry::normal);
    }
    CHECK(breaker.allows(kNow));
    breaker.succeeded();
  }
  open(breaker);
  CHECK_FALSE(breaker.allows(kNow));
  CHECK(breaker.enter(kNow) == Entry::refused);
  CHECK(breaker.open_until(kNow) >= kNow + limits::kBreakerRest);
}

TEST_CASE("one probe gets in; its success closes the breaker, its failure opens it for longer") {
  Breaker breaker;
  open(breaker);
  Nanos now = kNow + 2 * limits::kBreakerRest;
  CHECK(breaker.enter(now) == Entry::probe);
  CHECK(breaker.enter(now) == Entry::refused);
  breaker.failed(now, Entry::normal);  // from before it opened: no news
  breaker.failed(now, Entry::probe);
  CHECK_FALSE(breaker.allows(now + limits::kBreakerRest + limits::kBreakerRest / 2));
  now += 3 * limits::kBreakerRest;
  CHECK(breaker.enter(now) == Entry::probe);
  breaker.succeeded();
  CHECK(breaker.enter(now) == Entry::normal);
  CHECK(breaker.open_until(now) == 0);
}

TEST_CASE("the time it stays open is bounded") {
  Breaker breaker;
  open(breaker);
  Nanos now = kNow;
  for (int i = 0; i < 50; ++i) {
    now = breaker.open_until(now) + base::kMillisecond;
    REQUIRE(breaker.enter(now) == Entry::probe);
    breaker.failed(now, Entry::probe);
    CHECK(breaker.open_until(now) <= now + limits::kBreakerRestMost + base::kMillisecond);
  }
}

TEST_CASE("a probe that says nothing lets the next one in, at once or after its lease") {
  Breaker breaker;
  open(breaker);
  const Nanos now = kNow + 2 * limits::kBreakerRest;
  CHECK(breaker.enter(now) == Entry::probe);
  breaker.abandoned(Entry::probe);
  CHECK(breaker.enter(now) == Entry::probe);
  CHECK(breaker.enter(now + limits::kProbeLease / 2) == Entry::refused);
  CHECK(breaker.enter(now + limits::kProbeLease + base::kMillisecond) == Entry::probe);
  breaker.abandoned(Entry::normal);
  CHECK(breaker.enter(now + limits::kProbeLease + base::kMillisecond) == Entry::refused);
}

TEST_CASE("of many workers that find a breaker ready, exactly one probes") {
  for (const int threads : {1, 2, 4}) {
    for (int round = 0; round < 200; ++round) {
      Breaker breaker;
      open(breaker);
      std::atomic<int> probes{0};
      on_threads(threads, [&] {
        for (int i = 0; i < 10; ++i) {
          if (breaker.enter(kNow + 2 * limits::kBreakerRest) == Entry::probe) ++probes;
        }
      });
      REQUIRE(probes == 1);
    }
  }
}

TEST_CASE("failures on several workers open a breaker together") {
  for (const int threads : {2, 4}) {
    Breaker breaker;
    on_threads(threads, [&] {
      for (std::uint32_t i = 0; i < limits::kBreakerFailures; ++i) {
        breaker.failed(kNow, Entry::normal);
      }
    });
    CHECK_FALSE(breaker.allows(kNow));
    CHECK(breaker.open_until(kNow) <= kNow + limits::kBreakerRest + base::kMillisecond);
  }
}

TEST_CASE("a rest ends by itself, and only ever gets longer") {
  Rest rest;
  CHECK(rest.end_of(kNow) == 0);
  rest.until(kNow + 5);
  rest.until(kNow + 3);
  CHECK(rest.end_of(kNow) == kNow + 5);
  CHECK(rest.end_of(kNow + 5) == 0);
  rest.until(kNow + 9);
  rest.end();
  CHECK(rest.end_of(kNow) == 0);
}

TEST_CASE("a pair rests by itself; a newcomer in its place is not taken for it") {
  RestTable table;
  const std::uint64_t one = HealthView::pair_of(1, 0, "gpt-4");
  const std::uint64_t same_place = one ^ (std::uint64_t{1} << 63);
  table.until(one, kNow + kSecond);
  CHECK(table.end_of(one, kNow) >= kNow + kSecond);
  CHECK(table.end_of(one, kNow + 2 * kSecond) == 0);
  CHECK(table.end_of(same_place, kNow) == 0);
  table.until(same_place, kNow + kSecond);
  CHECK(table.end_of(one, kNow) == 0);
  table.end(one);
  CHECK(table.end_of(same_place, kNow) != 0);
  table.end(same_place);
  CHECK(table.end_of(same_place, kNow) == 0);
  CHECK(HealthView::pair_of(1, 0, "gpt-4") != HealthView::pair_of(1, 1, "gpt-4"));
  CHECK(HealthView::pair_of(1, 0, "gpt-4") != HealthView::pair_of(2, 0, "gpt-4"));
}

TEST_CASE("retries never exceed a fifth of the requests, with any number of workers") {
  for (const int threads : {1, 2, 4}) {
    RetryBudget budget;
    constexpr int kRequests = 10000;
    std::atomic<int> retries{0};
    on_threads(threads, [&] {
      for (int i = 0; i < kRequests / threads; ++i) {
        budget.on_request();
        while (budget.take()) ++retries;
      }
    });
    CHECK(retries <= kRequests / 5 + limits::kRetryStart);
    CHECK(retries >= kRequests / 5);
  }
}

TEST_CASE("a quiet time saves no more retries than are kept") {
  RetryBudget budget;
  for (int i = 0; i < 100000; ++i) budget.on_request();
  int retries = 0;
  while (budget.take()) ++retries;
  CHECK(retries == limits::kRetryBurst);
}

TEST_CASE("health survives a reload, but not the replacement of a key") {
  config::Snapshot snapshot;
  snapshot.providers.resize(1);
  snapshot.providers[0].name = "p";
  snapshot.providers[0].credentials = {{"a", "key-one", 1}, {"b", "key-two", 1}};
  snapshot.routes.resize(1);
  snapshot.routes[0].targets.resize(2);
  snapshot.routes[0].targets[1].model = "m";
  HealthRegistry registry;
  const HealthView before(snapshot, registry);
  before.credential(0, 0).until(kNow + kSecond);
  before.credential(0, 1).until(kNow + kSecond);
  open(before.breaker(0, 1));
  snapshot.providers[0].credentials[0].api_key = "key-three";
  const HealthView after(snapshot, registry);
  CHECK(after.credential(0, 0).end_of(kNow) == 0);
  CHECK(after.credential(0, 1).end_of(kNow) != 0);
  CHECK(after.breaker(0, 0).allows(kNow));
  CHECK_FALSE(after.breaker(0, 1).allows(kNow));
}

}  // namespace
}  // namespace headrace::route
