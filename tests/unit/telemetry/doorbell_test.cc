// Goal: who sleeps wakes when it is rung, or when its time is over, and no ring is lost. Method:
// two threads; times are bounds of many seconds, which only a ring that is lost would reach.
#include "telemetry/doorbell.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace headrace::telemetry {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kForever{60};

TEST_CASE("a sleep ends when its time is over") {
  Doorbell bell;
  const auto begun = steady_clock::now();
  bell.sleep(std::chrono::milliseconds(20));
  CHECK(steady_clock::now() - begun >= std::chrono::milliseconds(20));
}

TEST_CASE("a ring that came before is not lost, and counts once") {
  Doorbell bell;
  bell.ring();
  bell.ring();
  const auto begun = steady_clock::now();
  bell.sleep(kForever);
  CHECK(steady_clock::now() - begun < kForever / 2);
  const auto slept = steady_clock::now();
  bell.sleep(std::chrono::milliseconds(20));
  CHECK(steady_clock::now() - slept >= std::chrono::milliseconds(20));
}

TEST_CASE("every ring wakes the sleeper, whenever it comes") {
  Doorbell bell;
  std::atomic<int> heard{0};
  constexpr int kRings = 2000;
  const auto begun = steady_clock::now();
  std::thread sleeper([&] {
    for (int i = 0; i < kRings; ++i) {
      bell.sleep(kForever);
      heard.store(i + 1);
    }
  });
  for (int i = 0; i < kRings; ++i) {
    bell.ring();
    while (heard.load() <= i) std::this_thread::yield();
  }
  sleeper.join();
  CHECK(steady_clock::now() - begun < kForever / 2);
}

}  // namespace
}  // namespace headrace::telemetry
