// Goal: no limit is ever exceeded and every reservation comes back, whatever the threads do.
// Method: windows with injected time; then 1, 2 and 4 threads that take and return at full speed
// while the sums are watched.
#include "policy/limits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/prng.h"

namespace headrace::policy {
namespace {

using base::kMillisecond;
using base::kSecond;

constexpr Nanos kStart = 7 * kSecond + 12345;

// Runs `work(thread)` on that many threads at once.
template <typename Work>
void on_threads(int count, Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
}

TEST_CASE("a window admits its limit and no more, until it is over") {
  WindowLimit limit;
  for (int i = 0; i < 3; ++i) CHECK(limit.take(1, 3, kStart + i * kSecond));
  CHECK_FALSE(limit.take(1, 3, kStart + 3 * kSecond));
  CHECK_FALSE(limit.take(1, 3, kStart + kWindow - 1));
  CHECK(limit.take(1, 3, kStart + kWindow + kMillisecond * 100));
  CHECK(limit.look(3, kStart + kWindow + kSecond).remaining == 2);
}

TEST_CASE("a window begins with its first request, not with the clock's minute") {
  for (const Nanos begin : {Nanos{0}, kStart, 59 * kSecond, 3600 * kSecond + 1}) {
    WindowLimit limit;
    CHECK(limit.take(1, 1, begin));
    CHECK_FALSE(limit.take(1, 1, begin + kWindow - 1));
    CHECK(limit.take(1, 1, begin + kWindow + kMillisecond * 100));
  }
}

TEST_CASE("the time until a reset runs down to nothing") {
  WindowLimit limit;
  CHECK(limit.look(5, kStart).remaining == 5);
  CHECK(limit.look(5, kStart).reset == 0);
  REQUIRE(limit.take(2, 5, kStart));
  const Allowance early = limit.look(5, kStart);
  CHECK(early.limit == 5);
  CHECK(early.remaining == 3);
  CHECK(early.reset >= kWindow);
  CHECK(early.reset <= kWindow + 100 * kMillisecond);
  CHECK(limit.look(5, kStart + 10 * kSecond).reset == early.reset - 10 * kSecond);
  // After exactly the told time there is room again.
  CHECK_FALSE(limit.take(5, 5, kStart + early.reset - 1));
  CHECK(limit.take(5, 5, kStart + early.reset));
}

TEST_CASE("a clock that lags behind another worker's opens no second window") {
  WindowLimit limit;
  REQUIRE(limit.take(2, 2, kStart + 5 * kSecond));
  CHECK_FALSE(limit.take(1, 2, kStart));
  CHECK_FALSE(limit.take(1, 2, kStart + 5 * kSecond));
}

TEST_CASE("a window from long ago does not come back when its stamp wraps") {
  WindowLimit limit;
  REQUIRE(limit.take(3, 3, kStart));
  for (const Nanos days : {1, 100, 154, 156, 200, 300, 309, 400}) {
    CAPTURE(days);
    CHECK(limit.look(3, kStart + days * 24 * 3600 * kSecond).remaining == 3);
  }
}

TEST_CASE("a correction counts where it was reserved, or now when that window is over") {
  WindowLimit limit;
  const auto stamp = limit.take(50, 100, kStart);
  REQUIRE(stamp);
  limit.correct(*stamp, 50, 20, kStart + kSecond);
  CHECK(limit.look(100, kStart + kSecond).remaining == 80);
  const auto again = limit.take(30, 100, kStart + kSecond);
  REQUIRE(again);
  limit.correct(*again, 30, 130, kStart + 2 * kSecond);
  CHECK(limit.look(100, kStart + 2 * kSecond).remaining == 0);

  const Nanos later = kStart + 2 * kWindow;
  const auto old = limit.take(10, 100, later);
  REQUIRE(old);
  const Nanos latest = later + 2 * kWindow;
  REQUIRE(limit.take(1, 100, latest));
  limit.correct(*old, 10, 4, latest);  // less than reserved, long ago: nothing to return
  CHECK(limit.look(100, latest).remaining == 99);
  limit.correct(*old, 10, 15, latest);  // more: the excess counts now
  CHECK(limit.look(100, latest).remaining == 94);
}

TEST_CASE("the first limit that is reached refuses and tells all about itself") {
  KeyLimits limits;
  const Bounds bounds{.requests = 3, .tokens = 100, .concurrency = 2};
  Refusal refusal;
  auto first = TicketOffice::issue(limits, bounds, 60, kStart, refusal);
  REQUIRE(first);
  CHECK(first->reserved_tokens() == 60);
  CHECK_FALSE(TicketOffice::issue(limits, bounds, 41, kStart, refusal));
  CHECK(refusal.scope == Scope::tokens);
  CHECK(refusal.allowance.limit == 100);
  CHECK(refusal.allowance.remaining == 40);
  CHECK(refusal.retry_after == refusal.allowance.reset);
  CHECK(limits.requests.look(3, kStart).remaining == 2);  // what was refused counts nowhere
  CHECK_FALSE(TicketOffice::issue(limits, bounds, 101, kStart, refusal));
  CHECK(refusal.retry_after == base::kNever);

  auto second = TicketOffice::issue(limits, bounds, 1, kStart, refusal);
  REQUIRE(second);
  CHECK_FALSE(TicketOffice::issue(limits, bounds, 1, kStart, refusal));
  CHECK(refusal.scope == Scope::concurrency);
  CHECK(refusal.allowance.remaining == 0);
  CHECK(limits.tokens.look(100, kStart).remaining == 39);
  second->settle(1, kStart);
  REQUIRE(TicketOffice::issue(limits, bounds, 1, kStart, refusal));
  CHECK_FALSE(TicketOffice::issue(limits, bounds, 1, kStart, refusal));
  CHECK(refusal.scope == Scope::requests);
  CHECK(refusal.allowance.limit == 3);
}

TEST_CASE("a ticket gives back exactly once, however it ends") {
  KeyLimits limits;
  const Bounds bounds{.requests = 0, .tokens = 100, .concurrency = 1};
  Refusal refusal;
  {
    auto ticket = TicketOffice::issue(limits, bounds, 60, kStart, refusal);
    REQUIRE(ticket);
    Ticket moved = std::move(*ticket);
    ticket->settle(5, kStart);  // an empty ticket holds nothing
    CHECK(limits.running.running() == 1);
    Ticket target;
    target = std::move(moved);
    CHECK(limits.running.running() == 1);
  }
  CHECK(limits.running.running() == 0);
  CHECK(limits.tokens.look(100, kStart).remaining == 100);
  auto ticket = TicketOffice::issue(limits, bounds, 60, kStart, refusal);
  REQUIRE(ticket);
  ticket->settle(10, kStart);
  ticket->settle(10, kStart);
  ticket->release();
  CHECK(limits.running.running() == 0);
  CHECK(limits.tokens.look(100, kStart).remaining == 90);
}

TEST_CASE("a place may come back before the tokens are known, and only once") {
  KeyLimits limits;
  const Bounds bounds{.requests = 0, .tokens = 100, .concurrency = 1};
  Refusal refusal;
  auto ticket = TicketOffice::issue(limits, bounds, 60, kStart, refusal);
  REQUIRE(ticket);
  ticket->give_back_place();
  ticket->give_back_place();
  CHECK(limits.running.running() == 0);
  CHECK(limits.tokens.look(100, kStart).remaining == 40);
  auto next = TicketOffice::issue(limits, bounds, 10, kStart, refusal);
  REQUIRE(next);
  ticket->settle(25, kStart);
  CHECK(limits.running.running() == 1);
  CHECK(limits.tokens.look(100, kStart).remaining == 65);
  Ticket().give_back_place();  // of nobody
}

TEST_CASE("a bound of 0 is none") {
  KeyLimits limits;
  Refusal refusal;
  for (int i = 0; i < 100; ++i) CHECK(TicketOffice::issue(limits, {}, 1u << 30, kStart, refusal));
}

TEST_CASE("counts carry over to new bounds, because a name keeps its limits") {
  LimitRegistry registry;
  KeyLimits& limits = registry.of("team");
  Refusal refusal;
  auto ticket = TicketOffice::issue(
      limits, {.requests = 5, .tokens = 0, .concurrency = 5}, 0, kStart, refusal);
  REQUIRE(ticket);
  KeyLimits& same = registry.of("team");
  CHECK(&same == &limits);
  CHECK(&registry.of("other") != &limits);
  CHECK_FALSE(TicketOffice::issue(
      same, {.requests = 1, .tokens = 0, .concurrency = 0}, 0, kStart, refusal));
  CHECK_FALSE(TicketOffice::issue(
      same, {.requests = 0, .tokens = 0, .concurrency = 1}, 0, kStart, refusal));
}

TEST_CASE("1000 requests at once against a limit of 10 admit exactly 10") {
  for (const int threads : {1, 2, 4}) {
    for (int round = 0; round < 50; ++round) {
      KeyLimits limits;
      const Bounds bounds{.requests = 10, .tokens = 0, .concurrency = 0};
      std::atomic<int> admitted{0};
      on_threads(threads, [&](int) {
        Refusal refusal;
        for (int i = 0; i < 1000 / threads; ++i) {
          if (TicketOffice::issue(limits, bounds, 1, kStart, refusal)) ++admitted;
        }
      });
      REQUIRE(admitted == 10);
    }
  }
}

TEST_CASE("threads never run more than the limit at once, and leave nothing behind") {
  for (const int threads : {1, 2, 4}) {
    KeyLimits limits;
    const Bounds bounds{.requests = 0, .tokens = 1000, .concurrency = 2};
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::atomic<std::int64_t> tokens{0};
    std::atomic<bool> exceeded{false};
    on_threads(threads, [&](int seed) {
      base::Prng random(static_cast<std::uint64_t>(seed));
      Refusal refusal;
      for (int i = 0; i < 20000; ++i) {
        const std::uint64_t wanted = 1 + random.below(600);
        auto ticket = TicketOffice::issue(limits, bounds, wanted, kStart, refusal);
        if (!ticket) continue;
        const int now_running = ++running;
        if (tokens.fetch_add(static_cast<std::int64_t>(wanted)) +
                static_cast<std::int64_t>(wanted) >
            1000)
          exceeded = true;
        int seen = most.load();
        while (now_running > seen && !most.compare_exchange_weak(seen, now_running)) {
        }
        if (random.chance(0.1)) std::this_thread::yield();
        tokens.fetch_sub(static_cast<std::int64_t>(wanted));
        --running;
        if (random.chance(0.5)) ticket->settle(0, kStart);
      }
    });
    CHECK(most <= 2);
    CHECK_FALSE(exceeded.load());
    CHECK(limits.running.running() == 0);
    CHECK(limits.tokens.look(1000, kStart).remaining == 1000);
  }
}

TEST_CASE("no window admits more than its limit while time runs differently for each thread") {
  constexpr std::uint64_t kLimit = 100;
  for (const int threads : {1, 2, 4}) {
    WindowLimit limit;
    std::atomic<Nanos> clock{kStart};
    struct Admission {
      WindowLimit::Stamp stamp;
    };
    std::vector<std::vector<Admission>> admitted(static_cast<std::size_t>(threads));
    on_threads(threads, [&](int index) {
      base::Prng random(static_cast<std::uint64_t>(index) + 7);
      for (int i = 0; i < 80000 / threads; ++i) {
        const Nanos now =
            clock.fetch_add(3 * kMillisecond) - static_cast<Nanos>(random.below(20)) * kMillisecond;
        if (const auto stamp = limit.take(1, kLimit, now)) {
          admitted[static_cast<std::size_t>(index)].push_back({*stamp});
        }
      }
    });
    std::vector<WindowLimit::Stamp> stamps;
    for (const auto& list : admitted) {
      for (const auto& each : list) stamps.push_back(each.stamp);
    }
    std::sort(stamps.begin(), stamps.end());
    std::uint64_t windows = 0;
    for (std::size_t i = 0; i < stamps.size();) {
      std::size_t end = i;
      while (end < stamps.size() && stamps[end] == stamps[i]) ++end;
      CHECK(end - i <= kLimit);
      if (i > 0) CHECK(stamps[i] - stamps[i - 1] >= 600);
      ++windows;
      i = end;
    }
    CHECK(windows >= 3);
  }
}

}  // namespace
}  // namespace headrace::policy
