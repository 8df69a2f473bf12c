// UringRing: one io_uring as mapped memory and one system call. It knows nothing of sockets.
//
// The set-up flags, and why: SINGLE_ISSUER with DEFER_TASKRUN lets completions happen only inside
// our own enter (no interrupts of the loop, no locking); TASKRUN_FLAG shows deferred work in shared
// memory, which is what busy polling looks at; SUBMIT_ALL goes on behind a request that fails;
// CQSIZE makes overflow an exception; R_DISABLED leaves the choice of the thread to enable().
// NO_SQARRAY is never set: liburing 2.3 would write its index table over the ring heads.
//
// liburing's own wait cannot pass NO_IOWAIT, hence enter(). One thread: the one that calls
// enable(), after which any other gets EEXIST from the kernel.
#pragma once

#include <liburing.h>

#include <cstdint>

#include "base/time.h"

namespace headrace::io {

struct RingOptions {
  unsigned sq_entries = 512;
  unsigned cq_entries = 8192;
  bool compat_61 = false;  // use nothing that kernel 6.1 lacks
};

class UringRing {
 public:
  UringRing() = default;
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;
  ~UringRing();

  // 0, or the errno of the refusal.
  int open(const RingOptions& options);
  // Makes the calling thread the ring's only one; 0, or an errno.
  int enable();
  bool enabled() const { return enabled_; }

  // -- requests
  io_uring_sqe* next_sqe() { return io_uring_get_sqe(&ring_); }  // null when the queue is full
  unsigned unsubmitted() const { return ring_.sq.sqe_tail - taken_head(); }
  // The position behind the last request prepared, and whether the kernel has taken everything
  // before one.
  std::uint32_t position() const { return ring_.sq.sqe_tail; }
  bool taken(std::uint32_t position) const {
    return static_cast<std::int32_t>(taken_head() - position) >= 0;
  }

  // Hands over what is prepared and runs deferred work; waits for a completion when `timeout` is
  // not 0 (kNever: for as long as it takes). Being interrupted or timing out is not an error.
  void enter(base::Nanos timeout);
  // Hands over what is prepared, and nothing else.
  void submit();
  std::uint64_t enters() const { return enters_; }

  // -- completions
  bool work_waits() const { return (flags() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0; }
  bool overflowed() const { return (flags() & IORING_SQ_CQ_OVERFLOW) != 0; }
  unsigned completions_head() const { return *ring_.cq.khead; }
  unsigned completions_tail() const { return io_uring_smp_load_acquire(ring_.cq.ktail); }
  bool completed() const { return completions_head() != completions_tail(); }
  const io_uring_cqe& completion(unsigned position) const {
    return ring_.cq.cqes[position & ring_.cq.ring_mask];
  }
  void release_completions(unsigned head) { io_uring_smp_store_release(ring_.cq.khead, head); }

  io_uring& raw() { return ring_; }
  std::uint32_t features() const { return features_; }

 private:
  unsigned flags() const { return __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED); }
  unsigned taken_head() const { return __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE); }
  void call(unsigned wait_for, unsigned flags, __kernel_timespec* timeout);

  io_uring ring_{};
  std::uint32_t features_ = 0;
  std::uint32_t enter_flags_ = 0;
  std::uint64_t enters_ = 0;
  bool open_ = false;
  bool enabled_ = false;
};

}  // namespace headrace::io
