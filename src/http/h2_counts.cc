#include "http/h2_counts.h"

#include <algorithm>
#include <cstring>

namespace headrace::http {
namespace {

// Frame types of RFC 9113 section 6 that count in a way of their own.
constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kRstStream = 3;
constexpr std::uint8_t kContinuation = 9;
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;

}  // namespace

bool H2Counts::Bucket::add(base::Nanos now) {
  const base::Nanos drop = base::kSecond / per_second_;
  const base::Nanos drops = (now - leaked_at_) / drop;
  if (drops > 0) {
    level_ = drops >= level_ ? 0 : level_ - drops;
    leaked_at_ += drops * drop;
  }
  return ++level_ <= most_;
}

bool H2Counts::receive(base::Bytes bytes, base::Nanos now) {
  while (!bytes.empty()) {
    if (payload_left_ != 0) {
      const std::size_t skipped = std::min(payload_left_, bytes.size());
      payload_left_ -= skipped;
      bytes.remove_prefix(skipped);
      continue;
    }
    const std::size_t taken = std::min(kFrameHead - head_size_, bytes.size());
    std::memcpy(head_.data() + head_size_, bytes.data(), taken);
    head_size_ = static_cast<std::uint8_t>(head_size_ + taken);
    bytes.remove_prefix(taken);
    if (head_size_ != kFrameHead) return true;
    head_size_ = 0;
    payload_left_ = std::size_t{head_[0]} << 16 | std::size_t{head_[1]} << 8 | head_[2];
    if (!count_frame(now)) return false;
  }
  return true;
}

bool H2Counts::count_frame(base::Nanos now) {
  ++frames_;
  const std::uint8_t type = head_[3];
  const std::uint8_t flags = head_[4];
  in_head_ = type == kHeaders || type == kContinuation;
  head_ends_ = (flags & kEndHeaders) != 0;
  if (type == kContinuation) return ++continuations_ <= base::limits::kH2Continuations;
  continuations_ = 0;
  switch (type) {
    case kData:
      if (payload_left_ == 0 && (flags & kEndStream) == 0) return idle_.add(now);
      idle_.pay(kPaidPerWork);
      return true;
    case kHeaders:  // a request: there are bounds of their own for those
      idle_.pay(kPaidPerWork);
      return true;
    case kRstStream:
      ++resets_seen_;
      return resets_.add(now);
    default:
      return idle_.add(now);
  }
}

bool H2Counts::note_provoked(base::Nanos now) {
  ++provoked_seen_;
  return provoked_.add(now);
}

}  // namespace headrace::http
