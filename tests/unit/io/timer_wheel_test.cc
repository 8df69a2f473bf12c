// Goal: timers fire in the first turn at or after their deadline, in order, once, and never early.
// Method: small cases by hand, then random schedules, cancels and jumps against a sorted reference.
#include "io/timer_wheel.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/prng.h"

namespace headrace::io {
namespace {

using base::kMillisecond;
using base::kSecond;
using base::Nanos;

struct Waiter {
  Waiter() { timer.bind<&Waiter::on_fire>(*this); }
  void on_fire() {
    ++fired;
    if (log != nullptr) log->push_back(id);
    if (again_on != nullptr) again_on->schedule(timer, again_at);
    if (cancel_other != nullptr) again_wheel->cancel(cancel_other->timer);
  }

  Timer timer;
  int id = 0;
  int fired = 0;
  std::vector<int>* log = nullptr;
  TimerWheel* again_on = nullptr;
  Nanos again_at = 0;
  TimerWheel* again_wheel = nullptr;
  Waiter* cancel_other = nullptr;
};

Nanos rounded_up(Nanos deadline) {
  return (deadline + kMillisecond - 1) / kMillisecond * kMillisecond;
}

}  // namespace

TEST_CASE("a timer fires at its deadline rounded up, not before, and once") {
  TimerWheel wheel(kSecond);
  Waiter waiter;
  wheel.schedule(waiter.timer, kSecond + 5 * kMillisecond + 1);
  CHECK(wheel.next_expiry() == kSecond + 6 * kMillisecond);
  wheel.advance(kSecond + 6 * kMillisecond - 1);
  CHECK(waiter.fired == 0);
  wheel.advance(kSecond + 6 * kMillisecond);
  CHECK(waiter.fired == 1);
  CHECK_FALSE(waiter.timer.scheduled());
  CHECK(wheel.size() == 0);
  CHECK(wheel.next_expiry() == base::kNever);
  wheel.advance(kSecond * 100);
  CHECK(waiter.fired == 1);
}

TEST_CASE("a cancelled or moved timer does not fire at its old deadline") {
  TimerWheel wheel;
  Waiter cancelled;
  Waiter moved;
  wheel.schedule(cancelled.timer, 5 * kMillisecond);
  wheel.schedule(moved.timer, 5 * kMillisecond);
  wheel.schedule(moved.timer, 300 * kMillisecond);
  CHECK(wheel.size() == 2);
  wheel.cancel(cancelled.timer);
  wheel.cancel(cancelled.timer);
  CHECK(wheel.size() == 1);
  wheel.advance(299 * kMillisecond);
  CHECK(cancelled.fired == 0);
  CHECK(moved.fired == 0);
  wheel.advance(300 * kMillisecond);
  CHECK(moved.fired == 1);
}

TEST_CASE("a timer scheduled for the past by a firing timer waits for the next call") {
  TimerWheel wheel;
  Waiter waiter;
  waiter.again_on = &wheel;
  waiter.again_at = 3 * kMillisecond;
  wheel.schedule(waiter.timer, 2 * kMillisecond);
  wheel.advance(70 * kMillisecond);
  CHECK(waiter.fired == 1);
  CHECK(wheel.next_expiry() <= 70 * kMillisecond);
  waiter.again_on = nullptr;
  wheel.advance(70 * kMillisecond);
  CHECK(waiter.fired == 2);
}

TEST_CASE("a firing timer may cancel one that is due in the same call") {
  TimerWheel wheel;
  Waiter first;
  Waiter second;
  first.again_wheel = &wheel;
  first.cancel_other = &second;
  wheel.schedule(first.timer, 2 * kMillisecond);
  wheel.schedule(second.timer, 3 * kMillisecond);
  wheel.advance(10 * kMillisecond);
  CHECK(first.fired == 1);
  CHECK(second.fired == 0);
  CHECK(wheel.size() == 0);
}

TEST_CASE("timers fire in order of their deadlines, equal ones in order of scheduling") {
  TimerWheel wheel;
  std::vector<int> log;
  std::vector<std::unique_ptr<Waiter>> waiters;
  const std::vector<Nanos> at = {900, 63, 64, 4095, 4096, 64, 900, 262143, 262144, 1, 4096};
  for (std::size_t i = 0; i < at.size(); ++i) {
    waiters.push_back(std::make_unique<Waiter>());
    waiters[i]->id = static_cast<int>(i);
    waiters[i]->log = &log;
    wheel.schedule(waiters[i]->timer, at[i] * kMillisecond);
  }
  SUBCASE("in one jump") {
    wheel.advance(300 * kSecond);
  }
  SUBCASE("from expiry to expiry") {
    while (wheel.size() != 0) wheel.advance(wheel.next_expiry());
  }
  CHECK(log == std::vector<int>{9, 1, 2, 5, 0, 6, 3, 4, 10, 7, 8});
}

TEST_CASE("deadlines far away, never, and across the turn of a coarse level are kept") {
  const Nanos turn = (Nanos{1} << 30) * kMillisecond;  // 64^5 ms: 12.4 days
  TimerWheel wheel(turn - 2 * kMillisecond);
  Waiter soon;
  Waiter far;
  Waiter never;
  wheel.schedule(soon.timer, turn + kMillisecond);
  wheel.schedule(far.timer, turn * 300);
  wheel.schedule(never.timer, base::kNever);
  CHECK(wheel.next_expiry() <= turn + kMillisecond);
  wheel.advance(turn);
  CHECK(soon.fired == 0);
  wheel.advance(turn + kMillisecond);
  CHECK(soon.fired == 1);
  wheel.advance(turn * 300 - kMillisecond);
  CHECK(far.fired == 0);
  wheel.advance(turn * 300);
  CHECK(far.fired == 1);
  CHECK(never.fired == 0);
  CHECK(wheel.next_expiry() > turn * 300);
  wheel.cancel(never.timer);
}

TEST_CASE("cancelled timers do not wake anybody") {
  TimerWheel wheel;
  Waiter waiter;
  for (Nanos at = 1; at < 100 * kSecond; at = at * 3 + 1) {
    wheel.schedule(waiter.timer, at * 5);
    wheel.cancel(waiter.timer);
  }
  wheel.schedule(waiter.timer, 3000 * kSecond);
  int wakes = 0;
  for (; waiter.fired == 0; ++wakes) wheel.advance(wheel.next_expiry());
  CHECK(wakes <= 4);  // at most one a level
}

namespace {

// The reference is a plain list of deadlines: what is due is found by looking at all of them.
class Differential {
 public:
  explicit Differential(std::uint64_t seed) : prng_(seed), now_(start_of(seed)), wheel_(now_) {
    for (int i = 0; i < 64; ++i) {
      items_.push_back(std::make_unique<Item>(*this));
    }
  }
  ~Differential() {
    for (auto& item : items_) wheel_.cancel(item->timer);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }

 private:
  struct Item {
    explicit Item(Differential& d) : test(d) { timer.bind<&Item::on_fire>(*this); }
    void on_fire() { test.on_fire(*this); }

    Differential& test;
    Timer timer;
    bool expected = false;
    Nanos due = 0;    // rounded up
    Nanos place = 0;  // what it is sorted by: overdue ones stand at the instant of scheduling
    std::uint64_t order = 0;  // of scheduling
    std::uint64_t armed_in = 0;
  };

  static Nanos start_of(std::uint64_t seed) {
    return seed % 3 == 0 ? 0 : static_cast<Nanos>(seed * 0x123456789ull % (1ull << 50));
  }

  Nanos random_delay() {
    switch (prng_.below(6)) {
      case 0:
        return -static_cast<Nanos>(prng_.below(5 * kMillisecond));
      case 1:
        return static_cast<Nanos>(prng_.below(70 * kMillisecond));
      case 2:
        return static_cast<Nanos>(prng_.below(5 * kSecond));
      case 3:
        return static_cast<Nanos>(prng_.below(300)) * kMillisecond;
      case 4:
        return static_cast<Nanos>(prng_.below(3600 * kSecond));
      default:
        return static_cast<Nanos>(prng_.below(1ull << prng_.between(1, 58)));
    }
  }

  void arm(Item& item) {
    const Nanos deadline = std::max<Nanos>(now_ + random_delay(), 0);
    wheel_.schedule(item.timer, deadline);
    item.expected = true;
    item.due = rounded_up(deadline);
    item.place = std::max(item.due, now_ / kMillisecond * kMillisecond);
    item.order = ++order_;
    item.armed_in = advances_;
  }

  void disarm(Item& item) {
    wheel_.cancel(item.timer);
    item.expected = false;
  }

  void on_fire(Item& item) {
    REQUIRE(firing_);
    REQUIRE(item.expected);
    REQUIRE(item.due <= now_);
    REQUIRE(item.armed_in != advances_);  // scheduled in this call: due in the next at the earliest
    const std::pair<Nanos, std::uint64_t> key(item.place, item.order);
    REQUIRE(last_fired_ < key);
    last_fired_ = key;
    item.expected = false;
    if (prng_.chance(0.3)) arm(item);
    if (prng_.chance(0.1)) arm(*items_[prng_.below(items_.size())]);
    if (prng_.chance(0.1)) disarm(*items_[prng_.below(items_.size())]);
  }

  void step() {
    const std::uint64_t dice = prng_.below(10);
    Item& item = *items_[prng_.below(items_.size())];
    if (dice < 5) return arm(item);
    if (dice < 6) return disarm(item);
    check_next_expiry();
    if (dice < 8) {
      const Nanos next = wheel_.next_expiry();
      if (next < (Nanos{1} << 60)) now_ = std::max(now_, next);
    } else {
      now_ += std::max<Nanos>(random_delay(), 0) / 2;
    }
    if (now_ > (Nanos{1} << 61)) return;
    ++advances_;
    firing_ = true;
    last_fired_ = {-1, 0};
    wheel_.advance(now_);
    firing_ = false;
    for (const auto& each : items_) {
      const bool overdue = each->expected && each->due <= now_ && each->armed_in != advances_;
      REQUIRE_FALSE(overdue);
      REQUIRE(each->timer.scheduled() == each->expected);
    }
    REQUIRE(wheel_.size() == scheduled());
  }

  std::size_t scheduled() const {
    return static_cast<std::size_t>(std::count_if(
        items_.begin(), items_.end(), [](const auto& item) { return item->expected; }));
  }

  void check_next_expiry() {
    Nanos earliest = base::kNever;
    for (const auto& item : items_) {
      if (item->expected) earliest = std::min(earliest, item->due);
    }
    if (earliest == base::kNever) {
      REQUIRE(wheel_.next_expiry() == base::kNever);
    } else {
      REQUIRE(wheel_.next_expiry() <= std::max(earliest, now_));
    }
  }

  base::Prng prng_;
  Nanos now_;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<Item>> items_;
  std::pair<Nanos, std::uint64_t> last_fired_{-1, 0};
  std::uint64_t order_ = 0;
  std::uint64_t advances_ = 0;
  bool firing_ = false;
};

}  // namespace

TEST_CASE("random schedules, cancels and jumps agree with a sorted reference") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Differential(seed).run(3000);
  }
}

}  // namespace headrace::io
