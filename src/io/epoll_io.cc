#include "io/epoll_io.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "io/socket_error.h"

namespace headrace::io {
namespace {

// Socket::readiness: what is known between two edges. The errno of a failure is kept in the upper
// half.
constexpr std::uint32_t kReadable = 1;  // a receive may find something
constexpr std::uint32_t kHungUp =
    2;  // FIN or RST is known: only a receive that says so ends the reading
constexpr std::uint32_t kErrorSeen = 4;  // EPOLLERR
constexpr std::uint32_t kParked = 8;  // the kernel was full: nothing is sent before there is room
constexpr std::uint32_t kWatchesOut = 16;   // EPOLLOUT is registered
constexpr std::uint32_t kConnectDone = 32;  // the connect has an outcome
constexpr std::uint32_t kBroken = 64;       // a send, the connect or the registration failed
constexpr std::uint32_t kErrnoShift = 16;

// What an epoll event points at: a socket, or a listener (lowest bit set), or the wake descriptor
// (null).
constexpr std::uintptr_t kListenerTag = 1;
static_assert(alignof(Listener) > kListenerTag);

constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;

base::Nanos read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<base::Nanos>(time.tv_sec) * base::kSecond + time.tv_nsec;
}

timespec to_timespec(base::Nanos nanos) {
  return {static_cast<time_t>(nanos / base::kSecond), static_cast<long>(nanos % base::kSecond)};
}

int to_milliseconds(base::Nanos nanos) {
  if (nanos > 1000 * base::kSecond) return 1'000'000;
  return static_cast<int>((nanos + base::kMillisecond - 1) / base::kMillisecond);
}

int pending_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

EpollIo::EpollIo(ReceivePool& clients, ReceivePool& upstreams, BusyMode busy)
    : Io(clients, upstreams), idle_(busy, default_poll_max()) {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  HEADRACE_ASSERT(epoll_fd_ >= 0);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  HEADRACE_ASSERT(wake_fd_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // every write is an edge: the counter needs no reading
  const int added = ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
  HEADRACE_ASSERT(added == 0);
  now_ = clock();
  accept_timer_.bind<&EpollIo::on_accept_retry>(*this);
}

EpollIo::~EpollIo() {
  timers_.cancel(accept_timer_);
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

base::Nanos EpollIo::clock() const {
  return read_clock(CLOCK_MONOTONIC);
}

std::uint64_t EpollIo::wall_clock() const {
  return static_cast<std::uint64_t>(read_clock(CLOCK_REALTIME));
}

void EpollIo::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

// -- one turn

void EpollIo::run_once(base::Nanos wait_max) {
  hand_over();
  const std::size_t count = wait(wait_bound(wait_max));
  ++counters_.turns;
  feed_starved();
  deliver_ready();
  deliver_events(count);
  timers_.advance(now_);
  finish_listeners();
  note_closed();
  deliver_closed();
  hand_over();
}

// How long to wait: not at all while something is due without the kernel's help.
base::Nanos EpollIo::wait_bound(base::Nanos wait_max) {
  feed_starved();
  if (wait_max <= 0 || !ready_.empty() || !closing_.empty() || !dirty_.empty() ||
      !stopping_.empty()) {
    return 0;
  }
  const base::Nanos expiry = timers_.next_expiry();
  if (expiry == base::kNever) return wait_max;
  return std::clamp<base::Nanos>(expiry - clock(), 0, wait_max);
}

std::size_t EpollIo::wait(base::Nanos bound) {
  const base::Nanos window = bound == 0 ? 0 : idle_.window();
  std::size_t count = 0;
  if (window == 0) {
    count = wait_once(bound);
  } else {
    const base::Nanos start = clock();
    const base::Nanos length = std::min(window, bound);
    base::Nanos passed = 0;
    while (count == 0 && passed < length) {
      count = wait_once(0);
      if (count == 0) passed = clock() - start;
    }
    if (count != 0) {
      ++counters_.polls_hit;
      idle_.on_window(true);
    } else if (window <= bound) {
      ++counters_.polls_missed;
      idle_.on_window(false);
    }
    if (count == 0 && passed < bound)
      count = wait_once(bound == base::kNever ? bound : bound - passed);
  }
  now_ = clock();
  if (count != 0) idle_.on_events(now_);
  return count;
}

std::size_t EpollIo::wait_once(base::Nanos bound) {
  constexpr int kSize = kEventsPerTurn;
  int count = -1;
  if (bound == 0) {
    count = ::epoll_wait(epoll_fd_, events_.data(), kSize, 0);
    if (count <= 0)
      return 0;  // a look that found nothing is not counted: it neither waits nor moves bytes
  } else if (fine_timeouts_) {
    const timespec timeout = to_timespec(bound);
    count = ::epoll_pwait2(
        epoll_fd_, events_.data(), kSize, bound == base::kNever ? nullptr : &timeout, nullptr);
    if (count < 0 && errno != EINTR) {  // before 5.11, or a seccomp filter that does not know it
      fine_timeouts_ = false;
      return wait_once(bound);
    }
  } else {
    const int timeout = bound == base::kNever ? -1 : to_milliseconds(bound);
    count = ::epoll_wait(epoll_fd_, events_.data(), kSize, timeout);
  }
  ++counters_.enters;
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// Sockets that found no buffer try again as soon as some came back, one socket a buffer.
void EpollIo::feed_starved() {
  for (std::size_t side = 0; side < starved_.size(); ++side) {
    std::size_t left = receive_pool(static_cast<Side>(side)).free_count();
    for (; left != 0 && !starved_[side].empty(); --left) want_turn(*starved_[side].pop_front());
  }
}

void EpollIo::deliver_ready() {
  ReadyList turn;
  turn.take_all(ready_);
  while (Socket* socket = turn.pop_front()) on_ready(*socket);
}

void EpollIo::deliver_events(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto tagged = reinterpret_cast<std::uintptr_t>(events_[i].data.ptr);
    if (tagged == 0) {
      if (wake_owner_ != nullptr) wake_owner_->on_wake();
    } else if ((tagged & kListenerTag) != 0) {
      accept_some(*reinterpret_cast<Listener*>(tagged & ~kListenerTag));
    } else {
      on_socket_event(*reinterpret_cast<Socket*>(tagged), events_[i].events);
    }
  }
}

// Closed in this turn or before it: nothing in the turn's events can name these sockets any more.
void EpollIo::note_closed() {
  while (Socket* socket = closing_.pop_front()) {
    socket->state = Socket::State::closed;
    closed_.push_back(*socket);
  }
}

// Sends what was queued, then reports what left; an owner that answers on_sent with more bytes is
// served a few times before the wait.
void EpollIo::hand_over() {
  for (int round = 0; round < kHandOverRounds && !dirty_.empty(); ++round) {
    DirtyList turn;
    turn.take_all(dirty_);
    while (Socket* socket = turn.pop_front()) push_out(*socket);
    SettleList sent;
    sent.take_all(settling_);
    while (Socket* socket = sent.pop_front()) finish_send(*socket, socket->in_flight_bytes);
  }
}

// -- the life of a socket

void EpollIo::begin(Socket& socket, int fd, Side side, std::uint32_t events) {
  HEADRACE_ASSERT(socket.queue.empty());
  socket.fd = fd;
  socket.side = side;
  socket.pause_reasons = 0;
  socket.receiving = socket.failed = socket.shut_after_send = socket.shut_done = false;
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
  if (address.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
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
    const int broken = static_cast<int>(socket.readiness >> kErrnoShift);
    const int os_errno = broken != 0 ? broken : pending_error(socket.fd);
    if (os_errno != 0) return fail(socket, os_errno);
    socket.readiness &= ~kErrorSeen;
  }
  receive(socket);
}

void EpollIo::finish_connect(Socket& socket) {
  int os_errno = static_cast<int>(socket.readiness >> kErrnoShift);
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
    fail(socket, static_cast<int>(socket.readiness >> kErrnoShift));
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
  constexpr std::uint32_t kFlags = kBroken | kConnectDone | kReadable;
  socket.readiness |= kFlags | (static_cast<std::uint32_t>(os_errno) << kErrnoShift);
  want_turn(socket);
}

// -- listeners

void EpollIo::listen_start(Listener& listener, int fd) {
  HEADRACE_ASSERT(listener.fd < 0);
  listener.fd = fd;
  listener.closing = false;
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  watch(listener);
}

void EpollIo::watch(Listener& listener) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (listener.shared) event.events |= EPOLLEXCLUSIVE;
  event.data.ptr =
      reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(&listener) | kListenerTag);
  const int added = ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener.fd, &event);
  HEADRACE_ASSERT(added == 0);
  listener.accepting = true;
}

void EpollIo::accept_some(Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn && listener.accepting; ++i) {
    const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int os_errno = errno;
    ++counters_.enters;
    if (fd >= 0) {
      ++counters_.accepts;
      listener.owner.on_accept(fd);
      continue;
    }
    if (os_errno == EAGAIN) return;
    if (os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOBUFS || os_errno == ENOMEM) {
      return on_accept_failed(listener, os_errno);
    }
    // Anything else concerns the one connection that is gone already (ECONNABORTED and its kin).
  }
}

// The listener is ready and stays so: out of the set it goes until the pause is over, or we would
// spin.
void EpollIo::on_accept_failed(Listener& listener, int os_errno) {
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listener.fd, nullptr);
  listener.accepting = false;
  listener.retry_at = now_ + kAcceptPause;
  resting_.push_back(listener);
  if (!accept_timer_.scheduled()) timers_.schedule(accept_timer_, listener.retry_at);
  listener.owner.on_accept_error(descriptor_error(os_errno));
}

void EpollIo::on_accept_retry() {
  while (Listener* listener = resting_.front()) {
    if (listener->retry_at > now_) {
      timers_.schedule(accept_timer_, listener->retry_at);
      return;
    }
    listener->link.unlink();
    watch(*listener);
  }
}

void EpollIo::listen_stop(Listener& listener) {
  if (listener.fd < 0 || listener.closing) return;
  if (listener.accepting) ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listener.fd, nullptr);
  listener.accepting = false;
  listener.closing = true;
  listener.link.unlink();
  if (!listener.shared) ::close(listener.fd);
  stopping_.push_back(listener);
}

void EpollIo::finish_listeners() {
  ListenerList turn;
  turn.take_all(stopping_);
  while (Listener* listener = turn.pop_front()) {
    listener->fd = -1;
    listener->closing = false;
    listener->owner.on_listener_closed();
  }
}

}  // namespace headrace::io
