// How long a worker polls before it sleeps. Waking a sleeping thread costs some 20 us in a VM,
// finding an event by polling half of one; but a polling window shorter than the gap between events
// is pure loss, and one as long as the gap gains all there is. So the window follows the measured
// gap: an exponentially weighted mean of the time between events. Where the mean is above
// `poll_max` the worker sleeps at once, so an idle core is never burnt; where windows pass without
// an event, a growing number of waits is not polled at all.
//
// Pure: it reads no clock and is told everything. One thread.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "io/busy_mode.h"

namespace headrace::io {

class IdlePolicy {
 public:
  static constexpr base::Nanos kPollMaxMetal = 50 * base::kMicrosecond;
  static constexpr base::Nanos kPollMaxVirtual = 250 * base::kMicrosecond;
  // Gaps are uneven: polling a little longer than short gaps suggest costs nothing while traffic
  // lasts.
  static constexpr base::Nanos kWindowMin = 50 * base::kMicrosecond;
  static constexpr std::uint32_t kBackoffMax = 256;
  // So many hits undo one miss. The wake-up that a hit saves is worth more than the window a miss
  // burns: more than one miss in five, and polling retires.
  static constexpr std::uint32_t kHitsPerStep = 4;

  IdlePolicy(BusyMode mode, base::Nanos poll_max);

  // How long to poll in the wait that begins now: 0 to sleep at once, kNever to poll until
  // something happens.
  base::Nanos window();

  // Events of the outside world were seen at `now`.
  void on_events(base::Nanos now);
  // A window ended by an event (hit), or without one.
  void on_window(bool hit);

  base::Nanos gap() const { return gap_; }

 private:
  const BusyMode mode_;
  const base::Nanos poll_max_;
  base::Nanos gap_;
  base::Nanos last_event_ = -1;
  std::uint32_t backoff_ = 0;  // waits that a miss keeps from being polled
  std::uint32_t skip_ = 0;     // of them, still to come
  std::uint32_t hits_ = 0;
};

// Whether this machine is a guest (CPUID says so): waking sleepers is dear there, so polling pays
// longer.
bool runs_virtualized();

// The longest mean gap worth polling for on this machine.
base::Nanos default_poll_max();

}  // namespace headrace::io
