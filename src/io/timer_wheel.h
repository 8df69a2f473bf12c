// Deadlines with 1 ms resolution on a hierarchical wheel of intrusive timers: scheduling,
// cancelling and firing cost no allocation and no system call. The wheel has no clock; Io tells it
// the time. A timer never fires early; it fires in the first turn at or after its deadline (rounded
// up to the next millisecond).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/intrusive_list.h"
#include "base/time.h"

namespace headrace::io {

class TimerWheel;

// Embedded in the object that waits. bind() once, then schedule() on the wheel as often as needed.
// Its owner cancels it before dying (the link asserts it).
class Timer {
 public:
  // timer.bind<&Exchange::on_total_timeout>(*this)
  template <auto Method, typename Owner>
  void bind(Owner& owner) {
    owner_ = &owner;
    fire_ = [](void* object) { (static_cast<Owner*>(object)->*Method)(); };
  }

  bool scheduled() const { return link_.linked(); }
  base::Nanos deadline() const { return deadline_; }

 private:
  friend class TimerWheel;

  base::ListLink link_;
  base::Nanos deadline_ = 0;
  std::uint64_t tick_ = 0;
  void* owner_ = nullptr;
  void (*fire_)(void*) = nullptr;
};

class TimerWheel {
 public:
  explicit TimerWheel(base::Nanos now = 0);

  // Schedules or moves a timer.
  void schedule(Timer& timer, base::Nanos deadline);
  void cancel(Timer& timer);

  // Fires everything due at `now`, each timer once; a timer scheduled by a firing one for a time
  // already past fires at the next call.
  void advance(base::Nanos now);

  // When advance() has something to do next (never later than the earliest deadline; may be earlier
  // when a slot of a coarser level must be opened), or kNever.
  base::Nanos next_expiry() const;

  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kBits = 6;
  static constexpr std::size_t kSlots = 1u << kBits;
  static constexpr std::size_t kLevels = 8;  // 64^8 ms: every deadline that Nanos can hold

  using Slot = base::IntrusiveList<Timer, &Timer::link_>;

  struct Opening {
    std::uint64_t tick = UINT64_MAX;
    std::size_t level = 0;
    std::size_t slot = 0;
  };

  void place(Timer& timer);
  static std::uint64_t tick_of(base::Nanos deadline);
  static std::size_t slot_of(std::uint64_t tick, std::size_t level);
  void collect(std::uint64_t last,
               Slot& due);       // what is due in the block of level 0 that tick_ is in
  Opening next_opening() const;  // the next slot of a coarser level that holds timers
  void open(std::size_t level, std::size_t slot);

  std::array<std::array<Slot, kSlots>, kLevels> slots_;
  std::array<std::uint64_t, kLevels>
      occupied_{};          // bit per slot, may be stale-set, never stale-clear
  std::uint64_t tick_ = 0;  // every timer of an earlier tick has fired
  std::size_t size_ = 0;
};

}  // namespace headrace::io
