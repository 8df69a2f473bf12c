#include "io/uring_ring.h"

#include <cerrno>
#include <csignal>

#include "base/assert.h"
#include "io/uring_compat.h"

namespace headrace::io {

UringRing::~UringRing() {
  if (open_) io_uring_queue_exit(&ring_);
}

int UringRing::open(const RingOptions& options) {
  HEADRACE_ASSERT(!open_);
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED;
  params.cq_entries = options.cq_entries;
  const int result = io_uring_queue_init_params(options.sq_entries, &ring_, &params);
  if (result < 0) return -result;
  open_ = true;
  features_ = params.features & (options.compat_61 ? uring::kFeaturesOf61 : ~0u);
  if ((features_ & IORING_FEAT_EXT_ARG) == 0 || (features_ & IORING_FEAT_CQE_SKIP) == 0)
    return ENOSYS;
  if ((features_ & uring::kFeatureNoIowait) != 0) enter_flags_ |= uring::kEnterNoIowait;
  return 0;
}

int UringRing::enable() {
  HEADRACE_ASSERT(open_ && !enabled_);
  const int result = io_uring_enable_rings(&ring_);
  if (result < 0) return -result;
  enabled_ = true;
  // Spares the kernel a descriptor look-up at every enter. Where it fails (a limit), we enter by
  // the number.
  if (io_uring_register_ring_fd(&ring_) == 1) enter_flags_ |= IORING_ENTER_REGISTERED_RING;
  return 0;
}

void UringRing::enter(base::Nanos timeout) {
  if (timeout == 0) {
    call(0, IORING_ENTER_GETEVENTS, nullptr);
    return;
  }
  if (timeout == base::kNever) {
    call(1, IORING_ENTER_GETEVENTS, nullptr);
    return;
  }
  __kernel_timespec limit{};
  limit.tv_sec = timeout / base::kSecond;
  limit.tv_nsec = timeout % base::kSecond;
  call(1, IORING_ENTER_GETEVENTS, &limit);
}

void UringRing::submit() {
  call(0, 0, nullptr);
}

void UringRing::call(unsigned wait_for, unsigned flags, __kernel_timespec* timeout) {
  io_uring_sq& queue = ring_.sq;
  io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
  queue.sqe_head = queue.sqe_tail;  // liburing's own bookkeeping: nothing is left for it to flush
  io_uring_getevents_arg argument{};
  argument.sigmask_sz = _NSIG / 8;
  argument.ts = reinterpret_cast<std::uintptr_t>(timeout);
  ++enters_;
  // The argument is a pointer to the structure: that is what EXT_ARG means.
  const int result = io_uring_enter2(static_cast<unsigned>(ring_.enter_ring_fd),
                                     unsubmitted(),
                                     wait_for,
                                     flags | enter_flags_ | IORING_ENTER_EXT_ARG,
                                     reinterpret_cast<sigset_t*>(&argument),
                                     sizeof argument);
  // ETIME and EINTR end a wait. EAGAIN, EBUSY and EBADR are shortages inside the kernel: what it
  // did not take stays in the queue, and the next call offers it again. Anything else is a mistake
  // of ours.
  HEADRACE_ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
                  result == -EBUSY || result == -EBADR || result == -ENOMEM);
}

}  // namespace headrace::io
