// The busy policy against made-up time: it polls where polling pays, and only there.
#include "io/idle_policy.h"

#include <doctest/doctest.h>

#include <initializer_list>

namespace headrace::io {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;
using base::Nanos;

constexpr Nanos kPollMax = 250 * kMicrosecond;

// A worker and the events that come to it, on a clock of our own.
struct Model {
  explicit Model(BusyMode mode = BusyMode::automatic) : policy(mode, kPollMax) {}

  // Waits for an event `gap` from now; returns how long was polled.
  Nanos wait(Nanos gap) {
    const Nanos window = policy.window();
    const Nanos polled = window < gap ? window : gap;
    if (window != 0) {
      ++windows;
      hits += window >= gap ? 1 : 0;
      policy.on_window(window >= gap);
    }
    now += gap;
    polled_in_all += polled;
    policy.on_events(now);
    return polled;
  }

  IdlePolicy policy;
  Nanos now = 0;
  Nanos polled_in_all = 0;
  int windows = 0;
  int hits = 0;
};

TEST_CASE("off never polls, and always polls without end") {
  Model off(BusyMode::off);
  Model always(BusyMode::always);
  for (int i = 0; i < 100; ++i) {
    off.wait(kMicrosecond);
    CHECK(always.policy.window() == base::kNever);
    always.wait(kSecond);
  }
  CHECK(off.polled_in_all == 0);
}

TEST_CASE("a worker that has seen nothing sleeps") {
  IdlePolicy policy(BusyMode::automatic, kPollMax);
  CHECK(policy.window() == 0);
  policy.on_events(5 * kSecond);
  CHECK(policy.window() == 0);
}

TEST_CASE("steady traffic with short gaps is polled for, with a window that holds the gap") {
  for (const Nanos gap : {8 * kMicrosecond, 50 * kMicrosecond, 200 * kMicrosecond}) {
    CAPTURE(gap);
    Model model;
    for (int i = 0; i < 50; ++i) model.wait(gap);  // learning
    model.windows = model.hits = 0;
    for (int i = 0; i < 1000; ++i) model.wait(gap);
    CHECK(model.windows == 1000);
    CHECK(model.hits == 1000);
    CHECK(model.policy.window() >= gap);
    CHECK(model.policy.window() <= 2 * kPollMax);
  }
}

TEST_CASE("gaps longer than polling is worth are slept through") {
  Model model;
  for (int i = 0; i < 100; ++i) model.wait(kMillisecond);
  model.polled_in_all = 0;
  for (int i = 0; i < 1000; ++i) model.wait(kMillisecond);
  CHECK(model.polled_in_all == 0);
}

TEST_CASE("after a burst an idle core is polled on once, for one window") {
  Model model;
  for (int i = 0; i < 1000; ++i) model.wait(10 * kMicrosecond);
  model.polled_in_all = 0;
  model.windows = 0;
  model.wait(3600 * kSecond);
  CHECK(model.windows == 1);
  CHECK(model.polled_in_all <= 2 * kPollMax);
}

TEST_CASE("a night without events is forgotten within a few") {
  Model model;
  for (int i = 0; i < 10; ++i) model.wait(3600 * kSecond);
  int needed = 0;
  while (model.policy.window() == 0 && needed < 100) {
    model.wait(10 * kMicrosecond);
    ++needed;
  }
  CHECK(needed <= 20);
}

TEST_CASE("windows that keep missing are given up, and come back when they would hit") {
  // Gaps whose mean invites polling and whose shape defeats it: many short ones, then one beyond
  // any window.
  Model model;
  for (int i = 0; i < 20; ++i) model.wait(20 * kMicrosecond);
  IdlePolicy& policy = model.policy;
  int polled = 0;
  for (int i = 0; i < 1000; ++i) {
    if (policy.window() == 0) continue;
    ++polled;
    policy.on_window(false);
  }
  CHECK(polled <= 12);
  // From here every window would hit.
  for (int i = 0; i < 3000; ++i) {
    if (policy.window() != 0) policy.on_window(true);
  }
  polled = 0;
  for (int i = 0; i < 100; ++i) polled += policy.window() != 0 ? 1 : 0;
  CHECK(polled == 100);
}

TEST_CASE("a few misses among many hits do not stop polling") {
  Model model;
  std::uint32_t state = 1;
  // Gaps of 30 to 130 us, and every twentieth time one that no window holds.
  for (int i = 0; i < 10'000; ++i) {
    state = state * 1664525u + 1013904223u;
    const Nanos gap = i % 20 == 19 ? kMillisecond : (30 + (state >> 16) % 100) * kMicrosecond;
    model.wait(gap);
  }
  CHECK(model.hits > 8000);
}

TEST_CASE("the longest gap worth polling for depends on the machine") {
  const Nanos most = default_poll_max();
  CHECK(most == (runs_virtualized() ? 250 * kMicrosecond : 50 * kMicrosecond));
}

}  // namespace
}  // namespace headrace::io
