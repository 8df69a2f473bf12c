#include "upstream/warmer.h"

#include <algorithm>

#include "base/limits.h"
#include "upstream/pool.h"

namespace headrace::upstream {

namespace limits = base::limits;

Warmer::Warmer(io::Io& io, Pool& pool, std::uint64_t seed) : io_(io), pool_(pool), random_(seed) {
  timer_.bind<&Warmer::on_timer>(*this);
}

Warmer::~Warmer() {
  stop();
}

void Warmer::touch(base::Nanos delay) {
  if (stopped_) return;
  const base::Nanos due = io_.now() + delay;
  if (!timer_.scheduled() || timer_.deadline() > due) io_.timers().schedule(timer_, due);
}

void Warmer::stop() {
  stopped_ = true;
  io_.timers().cancel(timer_);
}

void Warmer::on_timer() {
  base::Nanos due = base::kNever;
  pool_.for_each_origin([&](Origin& origin) { due = std::min(due, tend(origin)); });
  if (due == base::kNever || stopped_) return;
  io_.timers().schedule(timer_, std::max(due, io_.now() + base::kMillisecond));
}

// Dials what is missing; returns when it is to be looked at again.
base::Nanos Warmer::tend(Origin& origin) {
  const std::size_t wanted = std::min(origin.warm_min(), pool_.idle_most());
  if (wanted == 0 || origin.endpoints().empty()) return base::kNever;
  Spares spares = pool_.spares(origin);
  if (io_.now() < origin.warmth().dial_after) {
    return spares.count() < wanted ? origin.warmth().dial_after : spares.good_until;
  }
  while (spares.count() < wanted) {
    // Whoever is on its way calls back here when it has come about or failed.
    if (dialling_ >= limits::kSpareDials) break;
    if (!dial(origin)) return origin.warmth().dial_after;
    ++spares.connecting;
  }
  return spares.good_until;
}

bool Warmer::dial(Origin& origin) {
  if (stopped_ || dialling_ >= limits::kSpareDials) return false;
  ++dialling_;  // before: it may end at once
  if (pool_.dial_spare(origin)) return true;
  --dialling_;
  note_spare_failed(origin);
  return false;
}

// -- how they fare

void Warmer::note_spare_dialled() {
  HEADRACE_ASSERT(dialling_ > 0);
  --dialling_;
  touch(0);
}

void Warmer::note_spare_failed(Origin& origin) {
  Warmth& warmth = origin.warmth();
  if (warmth.failures < 16) ++warmth.failures;
  const base::Nanos wait =
      std::min(limits::kSpareRetry << (warmth.failures - 1), limits::kSpareRetryMost);
  const auto jitter = random_.below(static_cast<std::uint64_t>(wait / 2));
  warmth.dial_after = io_.now() + wait - static_cast<base::Nanos>(jitter);
  touch(0);
}

void Warmer::note_died_young(Origin& origin) {
  if (origin.warm_min() != 0) note_spare_failed(origin);
}

void Warmer::note_good(Origin& origin) {
  origin.warmth().failures = 0;
  origin.warmth().dial_after = 0;
}

}  // namespace headrace::upstream
