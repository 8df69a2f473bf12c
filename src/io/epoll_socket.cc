// The sockets of EpollIo: their life, receiving and sending. epoll_io.cc has the turn and the
// listeners.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>

#include "io/epoll_io.h"
#include "io/socket_error.h"
#include "io/upstream_options.h"

namespace headrace::io {
namespace {

// Socket::readiness: what is known between two edges.
constexpr std::uint32_t kReadable = 1;      // a receive may find something
constexpr std::uint32_t kHungUp = 2;        // FIN or RST is known: read until a receive says so
constexpr std::uint32_t kErrorSeen = 4;     // EPOLLERR
constexpr std::uint32_t kParked = 8;        // the kernel was full: no send before there is room
constexpr std::uint32_t kWatchesOut = 16;   // EPOLLOUT is registered
constexpr std::uint32_t kConnectDone = 32;  // the connect has an outcome
constexpr std::uint32_t kBroken = 64;       // a send, the connect or the registration failed

constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;

int pending_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

// -- the life of a socket

void EpollIo::begin(Socket& socket, int fd, Side side, std::uint32_t events) {
  HEADRACE_ASSERT(socket.queue.empty());
  socket.fd = fd;
  socket.side = side;
  socket.pause_reasons = 0;
  socket.receiving = socket.failed = socket.shut_after_send = socket.shut_done = false;
  socket.pending_errno = 0;
  socket.readiness = (events & EPOLLOUT) != 0 ? kWatchesOut : 0;
  epoll_event event{};
  event.events = events;
  event.data.ptr = &socket;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    // The kernel's bound on watches: the socket is as good as broken, and says so in the next turn.
    note_broken(socket, errno);
  }
}

void EpollIo::adopt(Socket& socket, int fd, Side side) {
  HEADRACE_ASSERT(socket.state == Socket::State::closed && !socket.closed_link.linked());
  socket.state = Socket::State::open;
  begin(socket, fd, side, kReadEvents);
}

base::Status EpollIo::connect(Socket& socket,
                              const sockaddr_storage& address,
                              socklen_t size,
                              Side side) {
  HEADRACE_ASSERT(socket.state == Socket::State::closed && !socket.closed_link.linked());
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return descriptor_error(errno);
  set_upstream_options(fd, address.ss_family);
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), size);
  const int os_errno = result == 0 ? 0 : errno;
  socket.state = Socket::State::connecting;
  begin(socket, fd, side, kReadEvents | EPOLLOUT);
  if (os_errno != EINPROGRESS && os_errno != 0) {
    note_broken(socket, os_errno);
  }
  return {};
}

void EpollIo::recv_start(Socket& socket) {
  if (socket.state != Socket::State::open || socket.failed) return;
  socket.receiving = true;
  if ((socket.readiness & kReadable) != 0) want_turn(socket);
}

void EpollIo::pause(Socket& socket, PauseReason reason) {
  socket.pause_reasons = static_cast<std::uint8_t>(socket.pause_reasons | reason);
}

void EpollIo::resume(Socket& socket, PauseReason reason) {
  const bool was_paused = socket.paused();
  socket.pause_reasons = static_cast<std::uint8_t>(socket.pause_reasons & ~reason);
  if (!was_paused || socket.paused()) return;
  if (socket.state == Socket::State::open && (socket.readiness & kReadable) != 0) want_turn(socket);
}

void EpollIo::close(Socket& socket, CloseHow how) {
  if (socket.state != Socket::State::open && socket.state != Socket::State::connecting) return;
  if (how == CloseHow::abort) {
    const linger reset{1, 0};
    ::setsockopt(socket.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  } else if (socket.state == Socket::State::open) {
    ::shutdown(socket.fd, SHUT_RDWR);
  }
  ::close(socket.fd);
  socket.fd = -1;
  socket.state = Socket::State::closing;
  socket.close_how = how;
  socket.receiving = false;
  socket.in_flight_slices = socket.in_flight_bytes = 0;
  socket.queue.clear();
  socket.dirty_link.unlink();
  socket.starved_link.unlink();
  socket.settle_link.unlink();
  socket.backend_link.unlink();
  closing_.push_back(socket);
}

void EpollIo::want_turn(Socket& socket) {
  if (!socket.backend_link.linked()) ready_.push_back(socket);
}

void EpollIo::on_socket_event(Socket& socket, std::uint32_t events) {
  if (socket.state != Socket::State::open && socket.state != Socket::State::connecting) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) socket.readiness |= kReadable;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) socket.readiness |= kHungUp;
  if ((events & EPOLLERR) != 0) socket.readiness |= kErrorSeen;
  if (socket.state == Socket::State::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    socket.readiness |= kConnectDone;
  } else if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 &&
             (socket.readiness & kParked) != 0) {
    socket.readiness &= ~kParked;
    mark_dirty(socket);
  }
  on_ready(socket);
}

void EpollIo::on_ready(Socket& socket) {
  if (socket.state == Socket::State::connecting) {
    if ((socket.readiness & kConnectDone) != 0 && !socket.failed) finish_connect(socket);
    return;
  }
  if (socket.state != Socket::State::open || socket.failed) return;
  if ((socket.readiness & (kErrorSeen | kBroken)) != 0 && !error_may_wait(socket)) {
    const int known = socket.pending_errno;
    const int os_errno = known != 0 ? known : pending_error(socket.fd);
    if (os_errno != 0) return fail(socket, os_errno);
    socket.readiness &= ~kErrorSeen;
  }
  receive(socket);
}

void EpollIo::finish_connect(Socket& socket) {
  int os_errno = socket.pending_errno;
  if (os_errno == 0 && (socket.readiness & kHungUp) != 0) os_errno = pending_error(socket.fd);
  if (os_errno != 0) {
    socket.failed = true;
    socket.owner.on_connected(connect_error(os_errno));
    return;
  }
  socket.state = Socket::State::open;
  if (!socket.queue.empty() || socket.shut_after_send) mark_dirty(socket);
  socket.owner.on_connected({});
}

// -- receiving

// The receive loop of one socket in one turn: started by an edge, by resume(), by buffers that came
// back, or by its own bound in the turn before.
void EpollIo::receive(Socket& socket) {
  for (int i = 0; i < kReceivesPerTurn; ++i) {
    if (!receive_once(socket)) return;
  }
  want_turn(socket);
}

// True when another receive may find more.
bool EpollIo::receive_once(Socket& socket) {
  if (socket.state != Socket::State::open || !socket.receiving || socket.failed ||
      socket.paused() || (socket.readiness & kReadable) == 0 || socket.starved_link.linked()) {
    return false;
  }
  ReceivePool& pool = receive_pool(socket.side);
  Buffer* buffer = pool.take();
  if (buffer == nullptr) {
    ++counters_.starved;
    starved_[static_cast<std::size_t>(socket.side)].push_back(socket);
    return false;
  }
  const std::size_t room = pool.buffer_bytes();
  const ssize_t result = ::recv(socket.fd, pool.landing(*buffer), room, MSG_DONTWAIT);
  const int os_errno = errno;
  ++counters_.enters;
  if (result > 0) {
    const auto bytes = static_cast<std::size_t>(result);
    // The kernel had no more when it filled less than the buffer, and what comes later is a new
    // edge. Not so for an end that is already known: it has no edge of its own any more.
    if (bytes < room && (socket.readiness & (kHungUp | kBroken)) == 0) {
      socket.readiness &= ~kReadable;
    }
    ++counters_.receives;
    counters_.received_bytes += bytes;
    socket.owner.on_data(pool.received(*buffer, bytes));
    return true;
  }
  pool.put_back(*buffer);
  if (result < 0 && os_errno == EINTR) return true;
  if (result < 0 && os_errno != EAGAIN && (socket.readiness & kBroken) == 0) {
    fail(socket, os_errno);
    return false;
  }
  socket.readiness &= ~kReadable;
  if ((socket.readiness & kBroken) != 0) {
    fail(socket, socket.pending_errno);
  } else if (result == 0) {
    on_end_of_stream(socket);
  }
  return false;
}

void EpollIo::on_end_of_stream(Socket& socket) {
  socket.receiving = false;
  socket.owner.on_eof();
  if (socket.state == Socket::State::open && (socket.readiness & kErrorSeen) != 0)
    want_turn(socket);
}

void EpollIo::fail(Socket& socket, int os_errno) {
  socket.failed = true;
  socket.receiving = false;
  socket.owner.on_error(socket_error(socket.side, os_errno));
}

// An answer that the upstream sent before it went away is delivered before the error. A client's
// bytes are not worth that: its going away is what must be known at once.
bool EpollIo::error_may_wait(const Socket& socket) const {
  return socket.receiving && (!socket.paused() || socket.side == Side::upstream);
}

// -- sending

void EpollIo::push_out(Socket& socket) {
  if (socket.state != Socket::State::open || socket.failed) return;
  if ((socket.readiness & (kParked | kBroken)) != 0) return;
  if (!socket.sending()) {
    if (socket.queue.empty()) {
      if (socket.shut_after_send && !socket.shut_done) ::shutdown(socket.fd, SHUT_WR);
      socket.shut_done = socket.shut_after_send;
      return;
    }
    prepare_send(socket);
  }
  ssize_t result = 0;
  do {
    ++counters_.enters;
    if (socket.in_flight_slices == 1) {
      const iovec& only = socket.segments[0];
      result = ::send(socket.fd, only.iov_base, only.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
      socket.message.msg_iov = socket.segments.data();
      socket.message.msg_iovlen = socket.in_flight_slices;
      result = ::sendmsg(socket.fd, &socket.message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno != EAGAIN) return note_broken(socket, errno);
  const std::size_t bytes = result < 0 ? 0 : static_cast<std::size_t>(result);
  if (bytes == socket.in_flight_bytes) {
    settling_.push_back(socket);
    return;
  }
  ++counters_.short_sends;
  park(socket);
  if (bytes == 0) return;
  finish_send(socket, bytes);
  if (socket.state == Socket::State::open && !socket.failed) prepare_send(socket);
}

// A short send has armed the edge (SOCK_NOSPACE); registering for it looks at the socket once more,
// so that room made in between is not missed.
void EpollIo::park(Socket& socket) {
  socket.readiness |= kParked;
  if ((socket.readiness & kWatchesOut) != 0) return;
  epoll_event event{};
  event.events = kReadEvents | EPOLLOUT;
  event.data.ptr = &socket;
  const int changed = ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, socket.fd, &event);
  HEADRACE_ASSERT(changed == 0);
  socket.readiness |= kWatchesOut;
}

// What had arrived before is still to be read; the owner hears of it from the next turn.
void EpollIo::note_broken(Socket& socket, int os_errno) {
  socket.readiness |= kBroken | kConnectDone | kReadable;
  socket.pending_errno = os_errno;
  want_turn(socket);
}

}  // namespace headrace::io
