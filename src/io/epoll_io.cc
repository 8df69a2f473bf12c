#include "io/epoll_io.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "io/socket_error.h"

namespace headrace::io {
namespace {

// What an epoll event points at: a socket, or a listener (lowest bit set), or the wake descriptor
// (null).
constexpr std::uintptr_t kListenerTag = 1;
static_assert(alignof(Listener) > kListenerTag);

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

std::uint64_t EpollIo::read_wall_clock() const {
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
      !turn_ends_.empty() || !stopping_.empty()) {
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
    begin_rehearsals(start);
    while (count == 0 && passed < length) {
      count = wait_once(0);
      if (count != 0) break;
      const base::Nanos now = clock();
      passed = now - start;
      rehearse_when_due(now);
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
  for (int round = 0; round < kHandOverRounds; ++round) {
    run_turn_ends();
    if (dirty_.empty()) return;
    DirtyList turn;
    turn.take_all(dirty_);
    while (Socket* socket = turn.pop_front()) push_out(*socket);
    SettleList sent;
    sent.take_all(settling_);
    while (Socket* socket = sent.pop_front()) finish_send(*socket, socket->in_flight_bytes);
  }
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
