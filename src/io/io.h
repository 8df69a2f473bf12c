// Io: the one interface for time and the kernel. All time and all I/O of a worker pass through it,
// which is why the whole worker runs unchanged on io_uring (UringIo), on epoll where io_uring is
// forbidden (EpollIo), and inside the seeded simulator with its virtual clock (tests/sim/sim_io).
//
// Completion-shaped: verbs only note what is wanted; run_once() hands it to the kernel, waits, and
// delivers events to their owners. One turn of run_once():
//
//   1. hand over what the last turn queued, wait for events no longer than the next timer
//   2. settle the sends the kernel took (on_sent), deliver every event
//   3. fire timers due, deliver on_closed
//   4. on_turn_end; hand over what the handlers queued (a relayed event leaves in the turn in which
//   it arrived)
//
// One thread, except wake().
#pragma once

#include <string_view>

#include "base/intrusive_list.h"
#include "base/time.h"
#include "io/block_pool.h"
#include "io/receive_pool.h"
#include "io/socket.h"
#include "io/timer_wheel.h"

namespace headrace::io {

// Plain counters of one Io, written by its thread only; copied out once a turn by the worker.
struct IoCounters {
  std::uint64_t turns = 0;
  std::uint64_t enters =
      0;  // system calls that may wait or submit (io_uring_enter; epoll_wait, recv, send)
  std::uint64_t accepts = 0;
  std::uint64_t receives = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sends = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t short_sends = 0;  // the socket was full: the rest had to wait
  std::uint64_t coalesced_bytes =
      0;                           // copied because a socket was busy, or many pieces left together
  std::uint64_t starved = 0;       // receives that waited for a buffer
  std::uint64_t overflows = 0;     // completion queue overflows; must stay 0
  std::uint64_t polls_hit = 0;     // busy polling: windows that saw an event
  std::uint64_t polls_missed = 0;  // and windows that were a loss
};

// Somebody whose work is best done once a turn, when its events are through and before its sends
// leave: a TLS stream seals everything that the turn queued as one record.
class TurnEndOwner {
 public:
  virtual void on_turn_end() = 0;

  base::ListLink turn_end_link;

 protected:
  ~TurnEndOwner() = default;
};

// What a worker that polls does for nobody while nothing comes, so that what it then does for
// somebody finds its code in the caches. Shorter than a microsecond: an event may wait for it.
class Rehearsal {
 public:
  virtual ~Rehearsal() = default;
  virtual void rehearse() = 0;
};

class WakeOwner {
 public:
  virtual void on_wake() = 0;

 protected:
  ~WakeOwner() = default;
};

class Io {
 public:
  Io(ReceivePool& clients, ReceivePool& upstreams) : receive_{&clients, &upstreams} {}
  Io(const Io&) = delete;
  Io& operator=(const Io&) = delete;
  virtual ~Io() = default;

  virtual std::string_view name() const = 0;

  // -- time: monotonic, read once a turn; handlers see one instant
  base::Nanos now() const { return now_; }
  // A fresh reading, for stamps that must be exact (overhead); ~20 ns.
  virtual base::Nanos clock() const = 0;
  // Nanoseconds since 1970, for records only; never subtracted. Read once for an instant of now(),
  // where somebody asks.
  std::uint64_t wall_clock() {
    if (wall_ == 0 || wall_at_ != now_) {
      wall_at_ = now_;
      wall_ = read_wall_clock();
    }
    return wall_;
  }

  TimerWheel& timers() { return timers_; }
  BlockPool& blocks() { return blocks_; }
  ReceivePool& receive_pool(Side side) { return *receive_[static_cast<std::size_t>(side)]; }
  const IoCounters& counters() const { return counters_; }
  std::uint64_t turn() const { return counters_.turns; }

  // -- listeners. `fd` is bound and listening.
  virtual void listen_start(Listener& listener, int fd) = 0;
  virtual void listen_stop(Listener& listener) = 0;  // closes; on_listener_closed follows

  // -- sockets
  virtual void adopt(Socket& socket,
                     int fd,
                     Side side) = 0;  // an accepted descriptor; then recv_start
  // Non-blocking connect; on_connected follows. An immediate refusal of the kernel (no descriptors
  // left) is returned and the socket stays closed.
  virtual base::Status connect(Socket& socket,
                               const sockaddr_storage& address,
                               socklen_t size,
                               Side side) = 0;
  virtual void recv_start(Socket& socket) = 0;
  virtual void pause(Socket& socket, PauseReason reason) = 0;
  virtual void resume(Socket& socket, PauseReason reason) = 0;
  virtual void close(Socket& socket, CloseHow how) = 0;
  // An accepted descriptor that nobody wants.
  // `last_words` are sent if they fit at once; what the peer has sent so far is read and dropped,
  // so that the close does not turn into a reset that eats them.
  virtual void discard(int fd, std::string_view last_words);

  // Queues bytes; they leave at the end of this turn, or when the send in flight has settled.
  // Behind a busy socket small pieces are copied together (coalesced_bytes).
  void send(Socket& socket, Slice slice);
  void send_copy(Socket& socket, std::string_view bytes);
  // Half-close once everything queued has left.
  void shutdown_after_send(Socket& socket);

  // on_turn_end follows, once, before this turn hands its sends over; from run_once, as every
  // event.
  void at_turn_end(TurnEndOwner& owner) {
    if (!owner.turn_end_link.linked()) turn_ends_.push_back(owner);
  }

  // Wakes run_once from any thread; on_wake follows on the worker's thread. Never used on the data
  // path.
  virtual void wake() = 0;
  void set_wake_owner(WakeOwner* owner) { wake_owner_ = owner; }

  // Done every kRehearseEvery of polling; who sleeps rehearses nothing. Null: no more of it.
  void set_rehearsal(Rehearsal* rehearsal) { rehearsal_ = rehearsal; }

  // One turn; waits at most `wait_max` for something to happen (0: do not wait).
  virtual void run_once(base::Nanos wait_max) = 0;

 protected:
  using DirtyList = base::IntrusiveList<Socket, &Socket::dirty_link>;
  using ClosedList = base::IntrusiveList<Socket, &Socket::closed_link>;
  using TurnEndList = base::IntrusiveList<TurnEndOwner, &TurnEndOwner::turn_end_link>;

  void mark_dirty(Socket& socket) {
    if (!socket.dirty_link.linked()) dirty_.push_back(socket);
  }
  // Fills socket.segments from the head of the queue and notes them as in flight; returns how many.
  // A run of small pieces is first copied together when that is cheaper than gathering.
  std::size_t prepare_send(Socket& socket);
  // The kernel took `bytes` of what was in flight: drops them, reports on_sent.
  void finish_send(Socket& socket, std::size_t bytes);
  void deliver_closed();
  // Every backend does this before it hands over what is dirty, and does not wait while some are
  // left.
  void run_turn_ends();
  // For who polls, at its beginning and with each reading of the clock.
  void begin_rehearsals(base::Nanos now) { rehearsal_at_ = now + kRehearseEvery; }
  void rehearse_when_due(base::Nanos now) {
    if (rehearsal_ == nullptr || now < rehearsal_at_) return;
    rehearsal_->rehearse();
    rehearsal_at_ = now + kRehearseEvery;
  }
  virtual std::uint64_t read_wall_clock() const = 0;

  base::Nanos now_ = 0;
  TimerWheel timers_;
  IoCounters counters_;
  WakeOwner* wake_owner_ = nullptr;
  DirtyList dirty_;
  ClosedList closed_;
  TurnEndList turn_ends_;

 private:
  // As good as twice as often (docs/benchmarks.md).
  static constexpr base::Nanos kRehearseEvery = 20 * base::kMicrosecond;

  Rehearsal* rehearsal_ = nullptr;
  base::Nanos rehearsal_at_ = 0;
  BlockPool blocks_;
  std::array<ReceivePool*, 2> receive_;
  std::uint64_t wall_ = 0;
  base::Nanos wall_at_ = 0;  // now() of that reading
};

}  // namespace headrace::io
