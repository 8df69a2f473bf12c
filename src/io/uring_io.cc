#include "io/uring_io.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "io/socket_error.h"
#include "io/uring_request.h"

namespace headrace::io {
namespace {

using Kind = Op::Kind;
using uring::kind_of;
using uring::name_of;
using uring::object_of;

constexpr std::size_t kEventsPerSubmit = 16;  // what a long batch queues does not wait for its end
constexpr int kLooksPerClock = 8;     // looks at shared memory between two readings of the clock
constexpr int kSubmitTries = 10'000;  // the kernel out of memory for requests, so often in a row

base::Nanos read_clock(clockid_t id) {
  timespec time{};
  ::clock_gettime(id, &time);
  return time.tv_sec * base::kSecond + time.tv_nsec;
}

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

// -- life

base::Result<std::unique_ptr<UringIo>> UringIo::create(BufferRing& clients,
                                                       BufferRing& upstreams,
                                                       const UringOptions& options) {
  std::unique_ptr<UringIo> io(new UringIo(clients, upstreams, options));
  if (const int error = io->open(options); error != 0) return descriptor_error(error);
  return io;
}

UringIo::UringIo(BufferRing& clients, BufferRing& upstreams, const UringOptions& options)
    : Io(clients, upstreams),
      pools_{&clients, &upstreams},
      idle_(options.busy, options.poll_max != 0 ? options.poll_max : default_poll_max()) {
  now_ = clock();
  timers_.advance(now_);
}

int UringIo::open(const UringOptions& options) {
  if (const int error = ring_.open(options.ring); error != 0) return error;
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return errno;
  for (std::size_t side = 0; side < pools_.size(); ++side) {
    const auto group = static_cast<std::uint16_t>(side);
    if (const int error = pools_[side]->attach(ring_.raw(), group); error != 0) return error;
  }
  return 0;
}

UringIo::~UringIo() {
  HEADRACE_ASSERT(ops_in_kernel_ == 0);
  HEADRACE_ASSERT(sends_in_flight_ == 0);
  if (ring_.enabled() && ring_.unsubmitted() != 0) submit();  // descriptors still to be closed
  for (BufferRing* pool : pools_) pool->detach();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void UringIo::bind_to_this_thread() {
  const int error = ring_.enable();
  HEADRACE_ASSERT(error == 0);
  // Else the kernel may wake us 50 us after a timer was due.
  ::prctl(PR_SET_TIMERSLACK, base::kMicrosecond, 0, 0, 0);
  arm_wake();
}

base::Nanos UringIo::clock() const {
  return read_clock(CLOCK_MONOTONIC);
}

std::uint64_t UringIo::read_wall_clock() const {
  return static_cast<std::uint64_t>(read_clock(CLOCK_REALTIME));
}

// -- the turn

void UringIo::run_once(base::Nanos wait_max) {
  if (!ring_.enabled()) bind_to_this_thread();
  ++counters_.turns;
  for (BufferRing* pool : pools_) {
    pool->relieve();
    pool->publish();
  }
  hand_over_dirty();
  feed_starved(Side::client);
  feed_starved(Side::upstream);
  wait(wait_max);
  now_ = clock();
  reap();
  if (!retrying_.empty()) retry_accepts();
  timers_.advance(now_);
  deliver_closed();
  if (!closed_listeners_.empty()) deliver_listeners_closed();
  counters_.enters = ring_.enters() + direct_sends_;
}

// -- waiting

void UringIo::wait(base::Nanos wait_max) {
  const bool go_on = wait_max <= 0 || must_go_on();
  const base::Nanos window = go_on ? 0 : idle_.window();
  if (!go_on) polls_ = window != 0;
  if (go_on || window != 0) {
    if (ring_.unsubmitted() != 0 || ring_.work_waits()) ring_.enter(0);
    // Whoever polls settles first: the answer to what just left cannot be here yet.
    if (go_on || ring_.completed() || !settle_.empty()) return;
  }
  base::Nanos start = clock();
  const base::Nanos until = deadline(start, wait_max);
  if (window != 0) {
    if (poll_busily(start, until, window)) return;
    start = clock();
  }
  ring_.enter(until == base::kNever ? base::kNever : std::max<base::Nanos>(until - start, 0));
}

// Something is left to do that no event will remind us of.
bool UringIo::must_go_on() {
  if (ring_.completed() || ring_.overflowed()) return true;
  if (!closed_.empty() || !closed_listeners_.empty()) return true;
  if (Socket* first = settle_.front(); first != nullptr) {
    if (ring_.taken(static_cast<std::uint32_t>(first->send_turn))) return true;
  }
  for (std::size_t side = 0; side < pools_.size(); ++side) {
    if (!starved_[side].empty() && !pools_[side]->empty()) return true;
  }
  return false;
}

base::Nanos UringIo::deadline(base::Nanos start, base::Nanos wait_max) {
  base::Nanos until = timers_.next_expiry();
  if (wait_max < base::kNever - start) until = std::min(until, start + wait_max);
  if (!settle_.empty()) until = std::min(until, start + Socket::kSentReportMax);
  if (Listener* listener = retrying_.front(); listener != nullptr) {
    until = std::min(until, listener->retry_at);
  }
  return until;
}

// True when the turn has something to do: an event, or its deadline.
bool UringIo::poll_busily(base::Nanos start, base::Nanos until, base::Nanos window) {
  const base::Nanos end = window < until - start ? start + window : until;
  base::Nanos now = start;
  begin_rehearsals(start);
  do {
    for (int look = 0; look < kLooksPerClock; ++look) {
      if (ring_.work_waits()) ring_.enter(0);
      if (ring_.completed()) {
        ++counters_.polls_hit;
        idle_.on_window(true);
        return true;
      }
      relax();
    }
    now = clock();
    rehearse_when_due(now);
  } while (now < end);
  if (end == until) return true;
  ++counters_.polls_missed;
  idle_.on_window(false);
  return false;
}

// -- handing over

io_uring_sqe& UringIo::next_sqe() {
  for (int tries = 0; tries < kSubmitTries; ++tries) {
    if (io_uring_sqe* sqe = ring_.next_sqe(); sqe != nullptr) return *sqe;
    submit();
  }
  base::assert_failed("the kernel takes requests", __FILE__, __LINE__);
}

void UringIo::submit() {
  if (!ring_.enabled()) bind_to_this_thread();
  ring_.submit();
}

void UringIo::begin(Socket& socket, Op& op) {
  HEADRACE_ASSERT(!op.in_flight);
  op.in_flight = true;
  ++socket.ops_in_kernel;
  ++ops_in_kernel_;
}

void UringIo::end(Socket& socket, Op& op) {
  HEADRACE_ASSERT(op.in_flight);
  HEADRACE_ASSERT(socket.ops_in_kernel > 0);
  op.in_flight = false;
  --socket.ops_in_kernel;
  --ops_in_kernel_;
}

void UringIo::hand_over_dirty() {
  run_turn_ends();
  while (Socket* socket = dirty_.pop_front()) hand_over(*socket);
}

void UringIo::hand_over(Socket& socket) {
  if (!socket.is_open() || socket.failed || socket.sending()) return;
  if (!socket.queue.empty()) {
    start_send(socket);
  } else if (socket.shut_after_send && !socket.shut_done) {
    // Not as a request: io_uring passes shutdown to a kernel thread, which costs more than the
    // call.
    socket.shut_done = true;
    ::shutdown(socket.fd, SHUT_WR);
  }
}

void UringIo::start_send(Socket& socket) {
  const std::size_t count = prepare_send(socket);
  if (send_directly(socket, count)) return;
  io_uring_sqe& sqe = next_sqe();
  const int flags = MSG_NOSIGNAL | MSG_WAITALL | (socket.send_must_wait ? 0 : MSG_DONTWAIT);
  if (count == 1) {
    io_uring_prep_send(
        &sqe, socket.fd, socket.segments[0].iov_base, socket.segments[0].iov_len, flags);
  } else {
    socket.message.msg_iov = socket.segments.data();
    socket.message.msg_iovlen = count;
    io_uring_prep_sendmsg(&sqe, socket.fd, &socket.message, static_cast<unsigned>(flags));
  }
  sqe.user_data = name_of(socket, Kind::send);
  begin(socket, socket.send_op);
  ++sends_in_flight_;
  if (socket.send_must_wait || report_matters(socket)) return;
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  socket.send_turn = ring_.position();
  settle_.push_back(socket);
}

// Whoever polls pays a system call for what a turn sends. When that is one send and nothing else,
// the plain call costs less than a request. True when the kernel took bytes; what it refuses is
// asked for again as a request, whose report says why.
bool UringIo::send_directly(Socket& socket, std::size_t count) {
  const bool alone = polls_ && dirty_.empty() && ring_.unsubmitted() == 0;
  if (!alone || socket.send_must_wait) return false;
  constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
  socket.message.msg_iov = socket.segments.data();
  socket.message.msg_iovlen = count;
  const iovec& first = socket.segments[0];
  const ssize_t sent = count == 1 ? ::send(socket.fd, first.iov_base, first.iov_len, kFlags)
                                  : ::sendmsg(socket.fd, &socket.message, kFlags);
  ++direct_sends_;
  if (sent <= 0) return false;
  if (static_cast<std::size_t>(sent) < socket.in_flight_bytes) {
    socket.in_flight_bytes = static_cast<std::size_t>(sent);
    socket.send_must_wait = true;
    ++counters_.short_sends;
  }
  begin(socket, socket.send_op);
  ++sends_in_flight_;
  socket.send_turn = ring_.position();
  settle_.push_back(socket);
  return true;
}

// Nothing wakes us for a send that does not report, so it must be one that nobody waits for.
bool UringIo::report_matters(const Socket& socket) const {
  return socket.prompt_sent || socket.shut_after_send ||
         socket.queue.count() > socket.in_flight_slices || paused_ != 0 || !starved_[0].empty() ||
         !starved_[1].empty();
}

// The starvation loop: joined at ENOBUFS (or by a receive that finds the pool empty), left here,
// when buffers have come home. No more sockets than buffers are armed: the others would starve
// again at once.
void UringIo::feed_starved(Side side) {
  StarvedList& waiting = starved(side);
  if (waiting.empty()) return;
  for (std::size_t left = pool(side).free_count(); left != 0; --left) {
    Socket* socket = waiting.pop_front();
    if (socket == nullptr) return;
    arm_receive(*socket);
  }
}

// -- events

void UringIo::reap() {
  // The kernel posts completions only inside our own calls, so nothing is added while we read here.
  const bool whole = !ring_.overflowed();
  if (!whole) ++counters_.overflows;
  const unsigned head = ring_.completions_head();
  const unsigned tail = ring_.completions_tail();
  if (sends_in_flight_ != 0) {
    // Sends first: their owners see the sockets idle again, and copy nothing together without need.
    for (unsigned at = head; at != tail; ++at) {
      const io_uring_cqe& completion = ring_.completion(at);
      if (kind_of(completion.user_data) != Kind::send) continue;
      on_send_completed(object_of<Socket>(completion.user_data), completion.res);
    }
    if (whole) settle();
  }
  std::size_t events = 0;
  for (unsigned at = head; at != tail; ++at) {
    const io_uring_cqe completion = ring_.completion(at);
    if (completion.user_data == uring::kNobody || kind_of(completion.user_data) == Kind::send)
      continue;
    dispatch(completion.user_data, completion.res, completion.flags);
    if (++events % kEventsPerSubmit != 0 || (dirty_.empty() && turn_ends_.empty())) continue;
    ring_.release_completions(at + 1);
    hand_over_dirty();
    submit();
  }
  ring_.release_completions(tail);
  if (!failures_.empty()) deliver_failures();
  if (events != 0) idle_.on_events(now_);
}

void UringIo::dispatch(std::uint64_t data, int result, std::uint32_t flags) {
  switch (kind_of(data)) {
    case Kind::receive:
      return on_receive_completed(object_of<Socket>(data), result, flags);
    case Kind::accept:
      return on_accept_completed(object_of<Listener>(data), result, flags);
    case Kind::connect:
      return on_connect_completed(object_of<Socket>(data), result);
    case Kind::wake:
      return on_wake_completed();
    case Kind::send:
    case Kind::wait_writable:
    case Kind::cancel:
    case Kind::close:
      break;
  }
  base::assert_failed("completions are of a kind that was asked for", __FILE__, __LINE__);
}

// -- waking

void UringIo::wake() {
  const std::uint64_t one = 1;
  // A full counter is as good as one more: the wake-up is on its way.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

// A poll and not a read: the ring may end on another thread, and must then own no memory of ours.
void UringIo::arm_wake() {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_poll_add(&sqe, wake_fd_, POLLIN);
  sqe.user_data = name_of(*this, Kind::wake);
}

void UringIo::on_wake_completed() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(wake_fd_, &count, sizeof count);
  arm_wake();
  if (wake_owner_ != nullptr) wake_owner_->on_wake();
}

}  // namespace headrace::io
