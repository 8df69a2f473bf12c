#include "io/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace headrace::io {

// A timer lies on the level of the highest group of six bits in which its tick differs from tick_.
// So every slot in use on a level is ahead of tick_ within one turn of that level, a finer level is
// always due before a coarser one, and timers of one tick travel together and fire in the order in
// which they were scheduled.

TimerWheel::TimerWheel(base::Nanos now)
    : tick_(static_cast<std::uint64_t>(std::max<base::Nanos>(now, 0) / base::kMillisecond)) {}

std::uint64_t TimerWheel::tick_of(base::Nanos deadline) {
  if (deadline <= 0) return 0;
  const base::Nanos whole = deadline / base::kMillisecond;
  return static_cast<std::uint64_t>(whole + (deadline % base::kMillisecond != 0 ? 1 : 0));
}

std::size_t TimerWheel::slot_of(std::uint64_t tick, std::size_t level) {
  return static_cast<std::size_t>((tick >> (level * kBits)) & (kSlots - 1));
}

void TimerWheel::schedule(Timer& timer, base::Nanos deadline) {
  HEADRACE_ASSERT(timer.fire_ != nullptr);
  if (timer.link_.linked()) {
    timer.link_.unlink();
  } else {
    ++size_;
  }
  timer.deadline_ = deadline;
  timer.tick_ = tick_of(deadline);
  place(timer);
}

void TimerWheel::cancel(Timer& timer) {
  if (!timer.link_.linked()) return;
  timer.link_.unlink();
  HEADRACE_ASSERT(size_ > 0);
  --size_;
}

void TimerWheel::place(Timer& timer) {
  const std::uint64_t tick = std::max(timer.tick_, tick_);
  const std::uint64_t difference = tick ^ tick_;
  const std::size_t width = static_cast<std::size_t>(std::bit_width(difference));
  const std::size_t level = width == 0 ? 0 : (width - 1) / kBits;
  HEADRACE_ASSERT(level < kLevels);
  const std::size_t slot = slot_of(tick, level);
  slots_[level][slot].push_back(timer);
  occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::collect(std::uint64_t last, Slot& due) {
  const bool ends_here = (last >> kBits) == (tick_ >> kBits);
  const std::size_t end = ends_here ? slot_of(last, 0) : kSlots - 1;
  while (occupied_[0] != 0) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(occupied_[0]));
    if (slot > end) return;
    due.take_all(slots_[0][slot]);
    occupied_[0] &= occupied_[0] - 1;
  }
}

TimerWheel::Opening TimerWheel::next_opening() const {
  for (std::size_t level = 1; level < kLevels; ++level) {
    for (std::uint64_t left = occupied_[level]; left != 0; left &= left - 1) {
      const auto slot = static_cast<std::size_t>(std::countr_zero(left));
      if (slots_[level][slot].empty()) continue;
      const std::size_t shift = level * kBits;
      const std::uint64_t turn = (tick_ >> (shift + kBits)) << (shift + kBits);
      return {turn | (static_cast<std::uint64_t>(slot) << shift), level, slot};
    }
  }
  return {};
}

// REQUIRES: tick_ stands at the first tick of the slot, and nothing on a finer level is left.
void TimerWheel::open(std::size_t level, std::size_t slot) {
  for (std::size_t finer = 1; finer < level; ++finer) occupied_[finer] = 0;
  const std::uint64_t through = (std::uint64_t{2} << slot) - 1;  // slot 63: all bits, by wrapping
  occupied_[level] &= ~through;
  Slot moving;
  moving.take_all(slots_[level][slot]);
  while (Timer* timer = moving.pop_front()) place(*timer);
}

void TimerWheel::advance(base::Nanos now) {
  const auto target =
      static_cast<std::uint64_t>(std::max<base::Nanos>(now, 0) / base::kMillisecond);
  if (target < tick_) return;
  if (size_ == 0) {
    occupied_.fill(0);
    tick_ = target;
    return;
  }
  // Everything due is taken off the wheel before anything fires: what a firing timer schedules for
  // a time already past stands in the slot of `target` and waits for the next call.
  Slot due;
  for (;;) {
    collect(target, due);
    if ((target >> kBits) == (tick_ >> kBits)) break;
    const Opening next = next_opening();
    if (next.tick > target) break;
    tick_ = next.tick;
    open(next.level, next.slot);
  }
  tick_ = target;
  while (Timer* timer = due.pop_front()) {
    --size_;
    timer->fire_(timer->owner_);
  }
}

base::Nanos TimerWheel::next_expiry() const {
  if (size_ == 0) return base::kNever;
  for (std::uint64_t left = occupied_[0]; left != 0; left &= left - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(left));
    if (slots_[0][slot].empty()) continue;
    const std::uint64_t tick = ((tick_ >> kBits) << kBits) | slot;
    return static_cast<base::Nanos>(tick) * base::kMillisecond;
  }
  const std::uint64_t tick = next_opening().tick;
  if (tick > static_cast<std::uint64_t>(base::kNever / base::kMillisecond)) return base::kNever;
  return static_cast<base::Nanos>(tick) * base::kMillisecond;
}

}  // namespace headrace::io
