// Connections on io_uring, in life order: connecting, receiving, sending, failing, closing.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>

#include "io/socket_error.h"
#include "io/upstream_options.h"
#include "io/uring_io.h"
#include "io/uring_request.h"

namespace headrace::io {

using Kind = Op::Kind;
using uring::name_of;

// -- connecting

void UringIo::start(Socket& socket, int fd, Side side, Socket::State state) {
  HEADRACE_ASSERT(socket.is_closed());
  HEADRACE_ASSERT(!socket.closed_link.linked());
  HEADRACE_ASSERT(fd >= 0);
  HEADRACE_ASSERT(socket.queue.empty());
  socket.state = state;
  socket.fd = fd;
  socket.side = side;
  socket.pause_reasons = 0;
  socket.receiving = socket.failed = socket.send_must_wait = false;
  socket.shut_after_send = socket.shut_done = false;
}

void UringIo::adopt(Socket& socket, int fd, Side side) {
  start(socket, fd, side, Socket::State::open);
}

base::Status UringIo::connect(Socket& socket,
                              const sockaddr_storage& address,
                              socklen_t size,
                              Side side) {
  HEADRACE_ASSERT(size <= sizeof address);
  const int type = SOCK_STREAM | SOCK_CLOEXEC;
  int fd = ::socket(address.ss_family, type, 0);
  if (fd < 0 && errno == EMFILE && ring_.unsubmitted() != 0) {
    submit();  // descriptors may be waiting there to be closed
    fd = ::socket(address.ss_family, type, 0);
  }
  if (fd < 0) return descriptor_error(errno);
  set_upstream_options(fd, address.ss_family);
  start(socket, fd, side, Socket::State::connecting);
  socket.address = address;
  socket.address_size = size;
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_connect(
      &sqe, fd, reinterpret_cast<const sockaddr*>(&socket.address), socket.address_size);
  sqe.user_data = name_of(socket, Kind::connect);
  begin(socket, socket.connect_op);
  return {};
}

void UringIo::on_connect_completed(Socket& socket, int result) {
  end(socket, socket.connect_op);
  if (socket.state == Socket::State::closing) {
    if (socket.ops_in_kernel == 0) finish_close(socket);
    return;
  }
  HEADRACE_ASSERT(socket.state == Socket::State::connecting);
  if (result < 0) {
    socket.failed = true;
    socket.owner.on_connected(connect_error(-result));
    return;
  }
  socket.state = Socket::State::open;
  if (!socket.queue.empty() || socket.shut_after_send) mark_dirty(socket);
  socket.owner.on_connected({});
}

// -- receiving

void UringIo::recv_start(Socket& socket) {
  if (!socket.is_open() || socket.failed) return;
  HEADRACE_ASSERT(!socket.receiving);
  socket.receiving = true;
  if (wants_receive(socket)) arm_receive(socket);
}

bool UringIo::wants_receive(const Socket& socket) const {
  return socket.is_open() && socket.receiving && !socket.paused() && !socket.receive_op.in_flight &&
         !socket.starved_link.linked();
}

// The receive loop: armed here by recv_start, resume, feed_starved, and by on_receive_completed
// whenever the kernel has ended it and the socket still wants bytes.
void UringIo::arm_receive(Socket& socket) {
  if (pool(socket.side).empty()) {
    starved(socket.side).push_back(socket);
    return;
  }
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_recv_multishot(&sqe, socket.fd, nullptr, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = static_cast<std::uint16_t>(socket.side);
  sqe.user_data = name_of(socket, Kind::receive);
  begin(socket, socket.receive_op);
}

void UringIo::on_receive_completed(Socket& socket, int result, std::uint32_t flags) {
  const bool ended = (flags & IORING_CQE_F_MORE) == 0;
  if (ended) {
    socket.cancel_op.in_flight = false;
    end(socket, socket.receive_op);
  }
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    const auto id = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    if (result > 0) {
      Slice slice = pool(socket.side).taken(id, static_cast<std::size_t>(result));
      if (socket.is_open() && socket.receiving) {
        ++counters_.receives;
        counters_.received_bytes += slice.size();
        socket.owner.on_data(std::move(slice));
      }
    } else {
      pool(socket.side).taken_unused(id);
    }
  }
  if (!ended) return;
  if (socket.state == Socket::State::closing) {
    if (socket.ops_in_kernel == 0) finish_close(socket);
    return;
  }
  if (result <= 0) on_receive_ended(socket, result);
  if (wants_receive(socket)) arm_receive(socket);
}

void UringIo::on_receive_ended(Socket& socket, int result) {
  if (!socket.is_open() || !socket.receiving) return;
  switch (result) {
    case 0:
      socket.receiving = false;
      socket.owner.on_eof();
      return;
    case -ENOBUFS:
      // Not armed again here: on an empty ring that fails at once, data or none.
      ++counters_.starved;
      if (!socket.paused()) starved(socket.side).push_back(socket);
      return;
    case -ECANCELED:  // paused; when resumed in the meantime, the caller arms it again
    case -EINTR:
    case -EAGAIN:
      return;
    default:
      fail(socket, -result);
  }
}

void UringIo::pause(Socket& socket, PauseReason reason) {
  if (socket.state == Socket::State::closed || socket.state == Socket::State::closing) return;
  if ((socket.pause_reasons & reason) != 0) return;
  socket.pause_reasons |= reason;
  if (reason == kPauseBackpressure) ++paused_;
  socket.starved_link.unlink();
  if (!socket.receive_op.in_flight || socket.cancel_op.in_flight) return;
  socket.cancel_op.in_flight = true;  // until the receive has ended, however it does
  cancel(name_of(socket, Kind::receive));
}

void UringIo::resume(Socket& socket, PauseReason reason) {
  if ((socket.pause_reasons & reason) == 0) return;
  socket.pause_reasons = static_cast<std::uint8_t>(socket.pause_reasons & ~reason);
  if (reason == kPauseBackpressure) --paused_;
  if (wants_receive(socket)) arm_receive(socket);
}

// -- sending

void UringIo::settle() {
  while (Socket* socket = settle_.front()) {
    // Whoever stands behind it was handed over later.
    if (!ring_.taken(static_cast<std::uint32_t>(socket->send_turn))) return;
    socket->settle_link.unlink();
    complete_send(*socket, socket->in_flight_bytes);
  }
}

void UringIo::on_send_completed(Socket& socket, int result) {
  socket.settle_link.unlink();
  const bool refused = result < 0 && result != -EAGAIN && result != -EINTR;
  if (refused) {
    socket.in_flight_slices = socket.in_flight_bytes = 0;
    end(socket, socket.send_op);
    --sends_in_flight_;
    if (socket.state == Socket::State::closing) {
      if (socket.ops_in_kernel == 0) finish_close(socket);
    } else if (!socket.failed) {
      // What arrived before the failure is still in this batch: it comes first.
      socket.failed = true;
      socket.pending_errno = -result;
      failures_.push_back(socket);
    }
    return;
  }
  const std::size_t bytes = result > 0 ? static_cast<std::size_t>(result) : 0;
  socket.send_must_wait = bytes < socket.in_flight_bytes;
  if (socket.send_must_wait) ++counters_.short_sends;
  complete_send(socket, bytes);
}

void UringIo::complete_send(Socket& socket, std::size_t bytes) {
  end(socket, socket.send_op);
  --sends_in_flight_;
  finish_send(socket, bytes);
  if (socket.state == Socket::State::closing && socket.ops_in_kernel == 0) finish_close(socket);
}

// -- failing and closing

void UringIo::fail(Socket& socket, int error) {
  socket.receiving = false;
  if (socket.failed) return;  // reported, or about to be
  socket.failed = true;
  socket.owner.on_error(socket_error(socket.side, error));
}

void UringIo::deliver_failures() {
  while (Socket* socket = failures_.pop_front()) {
    socket->receiving = false;
    socket->owner.on_error(socket_error(socket->side, socket->pending_errno));
  }
}

void UringIo::cancel(std::uint64_t data) {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel64(&sqe, data, 0);
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe.user_data = uring::kNobody;
}

// Closing a descriptor while a request holds it tells the peer nothing and goes on receiving. So
// the requests are ended first, and the last one to end closes.
void UringIo::close(Socket& socket, CloseHow how) {
  if (socket.state == Socket::State::closed || socket.state == Socket::State::closing) return;
  const bool connected = socket.is_open();
  socket.state = Socket::State::closing;
  socket.close_how = how;
  socket.receiving = false;
  if ((socket.pause_reasons & kPauseBackpressure) != 0) --paused_;
  socket.pause_reasons = 0;
  socket.dirty_link.unlink();
  socket.starved_link.unlink();
  socket.backend_link.unlink();
  if (how == CloseHow::abort) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  // FIN before the descriptor goes: closing it with bytes unread would send RST alone, and the peer
  // might then not read what it was sent. A system call, because io_uring passes shutdown to a
  // kernel thread.
  if (how == CloseHow::orderly && connected) ::shutdown(socket.fd, SHUT_RDWR);
  if (socket.ops_in_kernel == 0) {
    finish_close(socket);
    return;
  }
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel_fd(&sqe, socket.fd, IORING_ASYNC_CANCEL_ALL);
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe.user_data = uring::kNobody;
}

void UringIo::finish_close(Socket& socket) {
  HEADRACE_ASSERT(socket.state == Socket::State::closing);
  HEADRACE_ASSERT(socket.ops_in_kernel == 0);
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_close(&sqe, socket.fd);
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe.user_data = uring::kNobody;
  socket.fd = -1;
  socket.in_flight_slices = socket.in_flight_bytes = 0;
  socket.queue.clear();
  socket.state = Socket::State::closed;
  closed_.push_back(socket);
}

}  // namespace headrace::io
