// Listeners on io_uring: one multishot accept each.

#include <unistd.h>

#include <cerrno>

#include "io/socket_error.h"
#include "io/uring_io.h"
#include "io/uring_request.h"

namespace headrace::io {
namespace {

constexpr base::Nanos kAcceptPause = 20 * base::kMillisecond;

}  // namespace

using uring::name_of;

// -- listeners

void UringIo::listen_start(Listener& listener, int fd) {
  HEADRACE_ASSERT(listener.fd < 0);
  HEADRACE_ASSERT(fd >= 0);
  listener.fd = fd;
  listener.accepting = true;
  listener.closing = false;
  arm_accept(listener);
}

void UringIo::arm_accept(Listener& listener) {
  HEADRACE_ASSERT(!listener.accept_op.in_flight);
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_multishot_accept(&sqe, listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
  sqe.user_data = name_of(listener, Op::Kind::accept);
  listener.accept_op.in_flight = true;
  ++ops_in_kernel_;
}

// A connection that was accepted before the listener stopped is delivered still: its peer believes
// in it.
void UringIo::on_accept_completed(Listener& listener, int result, std::uint32_t flags) {
  const bool ended = (flags & IORING_CQE_F_MORE) == 0;
  if (ended) {
    listener.accept_op.in_flight = false;
    --ops_in_kernel_;
  }
  if (result >= 0) {
    ++counters_.accepts;
    listener.owner.on_accept(result);
  } else if (!listener.closing && result != -ECANCELED && result != -ECONNABORTED &&
             result != -EINTR && result != -EAGAIN && result != -EPROTO) {
    // Trying again at once would spin for as long as descriptors are short.
    listener.retry_at = now_ + kAcceptPause;
    retrying_.push_back(listener);
    listener.owner.on_accept_error(descriptor_error(-result));
  }
  if (!ended || listener.link.linked()) return;
  if (listener.closing) {
    finish_listener(listener);
  } else {
    arm_accept(listener);
  }
}

void UringIo::retry_accepts() {
  while (Listener* listener = retrying_.front()) {
    if (listener->retry_at > now_) return;
    listener->link.unlink();
    arm_accept(*listener);
  }
}

void UringIo::listen_stop(Listener& listener) {
  if (listener.fd < 0 || listener.closing) return;
  listener.closing = true;
  listener.accepting = false;
  listener.link.unlink();
  if (listener.accept_op.in_flight) {
    cancel(name_of(listener, Op::Kind::accept));
  } else {
    finish_listener(listener);
  }
}

void UringIo::finish_listener(Listener& listener) {
  if (!listener.shared) ::close(listener.fd);
  listener.fd = -1;
  closed_listeners_.push_back(listener);
}

void UringIo::deliver_listeners_closed() {
  while (Listener* listener = closed_listeners_.pop_front()) listener->owner.on_listener_closed();
}

}  // namespace headrace::io
