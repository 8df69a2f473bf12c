#include "io/idle_policy.h"

#include <algorithm>

#include "base/assert.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace headrace::io {

IdlePolicy::IdlePolicy(BusyMode mode, base::Nanos poll_max)
    : mode_(mode), poll_max_(poll_max), gap_(4 * poll_max) {
  HEADRACE_ASSERT(poll_max > 0);
}

base::Nanos IdlePolicy::window() {
  if (mode_ == BusyMode::off) return 0;
  if (mode_ == BusyMode::always) return base::kNever;
  if (gap_ > poll_max_) return 0;
  if (skip_ > 0) {
    --skip_;
    return 0;
  }
  return std::max(2 * gap_, kWindowMin);
}

void IdlePolicy::on_events(base::Nanos now) {
  if (mode_ != BusyMode::automatic) return;
  if (last_event_ >= 0) {
    // A night without requests must not take a morning to forget.
    const base::Nanos sample = std::clamp<base::Nanos>(now - last_event_, 0, 4 * poll_max_);
    gap_ += (sample - gap_) / 8;
  }
  last_event_ = now;
}

void IdlePolicy::on_window(bool hit) {
  if (mode_ != BusyMode::automatic) return;
  if (!hit) {
    backoff_ = std::clamp<std::uint32_t>(backoff_ * 2, 1, kBackoffMax);
    skip_ = backoff_;
    hits_ = 0;
    return;
  }
  if (++hits_ < kHitsPerStep) return;
  hits_ = 0;
  backoff_ /= 2;
}

bool runs_virtualized() {
#if defined(__x86_64__) || defined(__i386__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 31)) != 0;
#else
  return false;
#endif
}

base::Nanos default_poll_max() {
  return runs_virtualized() ? IdlePolicy::kPollMaxVirtual : IdlePolicy::kPollMaxMetal;
}

}  // namespace headrace::io
