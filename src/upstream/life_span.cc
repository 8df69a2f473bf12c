#include "upstream/life_span.h"

#include <algorithm>

#include "base/limits.h"

namespace headrace::upstream {
namespace {

// Clear of the end, however the clocks of both sides differ and however long a request travels.
base::Nanos before(base::Nanos end) {
  return end - std::max(end / 10, std::min(end / 2, base::kSecond));
}

}  // namespace

base::Nanos LifeSpan::safe() const {
  base::Nanos span = usual_;
  if (announced_ != 0) span = std::min(before(announced_), most_);
  if (learned_ != 0) span = std::min(span, before(learned_));
  return span;
}

void LifeSpan::note_end(base::Nanos age) {
  if (age < base::limits::kYoungConnection) return;
  confirmed_ = learned_ != 0 && age >= learned_ - learned_ / 4 && age <= learned_ + learned_ / 4;
  learned_ = age;
}

void LifeSpan::note_outlived() {
  if (learned_ == 0 || confirmed_) return;
  learned_ += learned_ / 10;
  if (learned_ > most_) learned_ = 0;
}

}  // namespace headrace::upstream
