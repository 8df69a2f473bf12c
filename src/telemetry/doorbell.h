// Doorbell: a thread sleeps for a while, or until another one rings. Ringing costs one atomic
// exchange, and a call to the kernel only where somebody sleeps. A ring that comes before the sleep
// is not lost: that sleep is none.
//
// One thread sleeps; any number ring. It waits on a futex, not on a condition variable, so that no
// worker ever takes a lock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace headrace::telemetry {

class Doorbell {
 public:
  Doorbell() = default;
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Until it rings, or `most` has passed; seldom for no reason.
  void sleep(std::chrono::nanoseconds most);
  void ring();

 private:
  enum State : std::uint32_t { kAwake, kAsleep, kRung };

  std::atomic<std::uint32_t> state_{kAwake};
};

}  // namespace headrace::telemetry
