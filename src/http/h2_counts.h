// H2Counts: what a peer of an HTTP/2 connection may do to us before we end it. It walks over the
// received bytes from frame to frame by itself, before nghttp2 sees them: nghttp2 passes over some
// frames without a word (unknown types, frames of streams that are gone), and a flood of those
// costs as much as any other.
//
// Buckets leak: what a peer does in bad luck is forgiven after a while, an attack never outruns
// the leak. Work pays for itself: a request, or payload, lets the frames pass that belong to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/time.h"

namespace headrace::http {

class H2Counts {
 public:
  // `preface`: bytes before the first frame.
  explicit H2Counts(std::size_t preface) : payload_left_(preface) {}

  // Everything received, in order. False: the peer has gone too far, and none of it is to be read.
  [[nodiscard]] bool receive(base::Bytes bytes, base::Nanos now);
  // A fault of the peer made us reset a stream. False as above.
  [[nodiscard]] bool note_provoked(base::Nanos now);
  // We sent payload, which the peer may well acknowledge.
  void note_sent() { idle_.pay(kPaidPerWork); }

  // Part of a head is here, or of the nine bytes before a frame: the rest is due soon.
  bool inside_head() const {
    return head_size_ != 0 || (in_head_ && (!head_ends_ || payload_left_ != 0));
  }

  std::uint64_t frames() const { return frames_; }
  std::uint64_t resets() const { return resets_seen_; }
  std::uint64_t provoked() const { return provoked_seen_; }

 private:
  static constexpr std::int64_t kPaidPerWork = 4;
  static constexpr std::size_t kFrameHead = 9;

  class Bucket {
   public:
    Bucket(std::int64_t most, std::int64_t per_second) : most_(most), per_second_(per_second) {}
    [[nodiscard]] bool add(base::Nanos now);
    void pay(std::int64_t drops) { level_ = level_ > drops ? level_ - drops : 0; }

   private:
    std::int64_t most_;
    std::int64_t per_second_;
    std::int64_t level_ = 0;
    base::Nanos leaked_at_ = 0;
  };

  bool count_frame(base::Nanos now);

  Bucket idle_{base::limits::kH2IdleFrames, base::limits::kH2IdleFramesPerSecond};
  Bucket resets_{base::limits::kH2Resets, base::limits::kH2ResetsPerSecond};
  Bucket provoked_{base::limits::kH2Provoked, base::limits::kH2ProvokedPerSecond};
  std::size_t payload_left_;
  std::array<std::uint8_t, kFrameHead> head_{};
  std::uint8_t head_size_ = 0;
  bool in_head_ = false;             // the last frame carries (part of) a head,
  bool head_ends_ = false;           // and no other will go on with it
  std::uint32_t continuations_ = 0;  // in a row
  std::uint64_t frames_ = 0;
  std::uint64_t resets_seen_ = 0;
  std::uint64_t provoked_seen_ = 0;
};

}  // namespace headrace::http
