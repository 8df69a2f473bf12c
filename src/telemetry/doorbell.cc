#include "telemetry/doorbell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace headrace::telemetry {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

long futex(std::atomic<std::uint32_t>& word, int op, std::uint32_t value, const timespec* most) {
  return ::syscall(SYS_futex, &word, op | FUTEX_PRIVATE_FLAG, value, most, nullptr, 0);
}

}  // namespace

void Doorbell::sleep(std::chrono::nanoseconds most) {
  std::uint32_t expected = kAwake;
  if (state_.compare_exchange_strong(expected, kAsleep)) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const timespec time{.tv_sec = static_cast<time_t>(most.count() / kSecond),
                        .tv_nsec = static_cast<long>(most.count() % kSecond)};
    futex(state_, FUTEX_WAIT, kAsleep, &time);  // at once when it has rung meanwhile
  }
  state_.store(kAwake);
}

void Doorbell::ring() {
  if (state_.exchange(kRung) == kAsleep) futex(state_, FUTEX_WAKE, 1, nullptr);
}

}  // namespace headrace::telemetry
