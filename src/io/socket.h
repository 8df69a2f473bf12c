// Socket: one connected (or connecting) byte stream, embedded in the object that owns it (a client
// connection, an upstream connection). It holds the queue of bytes to send and the state of every
// kernel operation.
//
// The contract, the same on every backend:
//   - Events come from Io::run_once only; a verb (send, pause, close, ...) never calls its owner
//   back.
//   - One send is in flight per socket, always; what is queued behind it waits.
//   - Receiving starts once and pushes. While paused, up to kOvershootBytes may still arrive.
//   - on_eof and on_error come at most once, and after either nothing more is received.
//   - close() is the last verb. on_closed() follows, never synchronously, when no operation is in
//   flight any
//     more; only then may the object die.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "io/slice.h"
#include "io/slice_queue.h"

namespace headrace::io {

class Socket;

// The events of one socket, in life order.
class SocketOwner {
 public:
  virtual void on_connected(
      base::Status status) = 0;  // after connect(); on failure close() is still due
  virtual void on_data(Slice slice) = 0;
  virtual void on_eof() = 0;  // the peer will send no more
  virtual void on_error(
      base::Error error) = 0;    // reset, broken pipe, ...: only close() makes sense now
  virtual void on_sent() = 0;    // the kernel took bytes; queued_bytes() says what is left
  virtual void on_closed() = 0;  // after close(): nothing in flight; the object may die

 protected:
  ~SocketOwner() = default;
};

// Which receive pool the bytes of a socket land in.
enum class Side : std::uint8_t { client, upstream };

enum class CloseHow : std::uint8_t {
  orderly,  // FIN: what the kernel has accepted is delivered, what is still queued is dropped
  abort,    // RST: the peer must not take what it got for complete
};

// Why receiving is paused: it runs while no bit is set.
enum PauseReason : std::uint8_t {
  kPauseBackpressure = 1,  // the other side does not take what we have
  kPausePipeline = 2,      // the client sent more requests ahead than we hold
  kPauseUnread = 4,        // TLS is ready, but nobody asked for plaintext yet
};

// One kernel request that may be in flight; the address is its identity. `Socket` and `Listener`
// embed it.
struct Op {
  enum class Kind : std::uint8_t {
    accept,
    connect,
    receive,
    send,
    wait_writable,
    cancel,
    close,
    wake
  };
  explicit Op(Kind k) : kind(k) {}
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;
  ~Op() { HEADRACE_ASSERT(!in_flight); }

  const Kind kind;
  bool in_flight = false;
};

class Socket {
 public:
  static constexpr std::size_t kOvershootBytes = 33 * 4096;

  explicit Socket(SocketOwner& socket_owner) : owner(socket_owner) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { HEADRACE_ASSERT(state == State::closed); }

  bool is_open() const { return state == State::open; }
  bool is_closed() const { return state == State::closed; }
  bool paused() const { return pause_reasons != 0; }
  std::size_t queued_bytes() const { return queue.bytes(); }
  bool sending() const { return in_flight_slices != 0; }

  // Set by an owner that does nothing until on_sent (it closes then, say): the report comes at
  // once. Else that of a send which emptied the queue may come with the next event, or
  // kSentReportMax later.
  bool prompt_sent = false;
  // Well above the scheduler's tick: a shorter wait makes the kernel program a timer of its own,
  // which costs 4 us a wake-up in a virtual machine.
  static constexpr base::Nanos kSentReportMax = 12 * base::kMillisecond;

  // -- for Io and its backends only, from here on
  enum class State : std::uint8_t { closed, connecting, open, closing };

  SocketOwner& owner;
  State state = State::closed;
  Side side = Side::client;
  std::uint8_t pause_reasons = 0;
  bool receiving = false;        // recv_start was called and no eof / error came
  bool failed = false;           // on_error was delivered or is pending
  bool shut_after_send = false;  // half-close once the queue is empty
  bool shut_done = false;
  CloseHow close_how = CloseHow::orderly;
  std::uint8_t ops_in_kernel = 0;
  int fd = -1;

  SliceQueue queue;
  std::size_t in_flight_slices = 0;  // leading slices of the queue that the kernel may be reading
  std::size_t in_flight_bytes = 0;

  Op connect_op{Op::Kind::connect};
  Op receive_op{Op::Kind::receive};
  Op send_op{Op::Kind::send};
  Op cancel_op{Op::Kind::cancel};
  Op close_op{Op::Kind::close};

  msghdr message{};  // of a gathered send; must outlive the request
  std::array<iovec, base::limits::kSendSegments> segments{};
  sockaddr_storage address{};  // of a connect; likewise
  socklen_t address_size = 0;

  base::ListLink dirty_link;    // has something for the kernel at the end of this turn
  base::ListLink starved_link;  // waits for receive buffers
  base::ListLink settle_link;   // a send was handed over and not yet settled
  base::ListLink closed_link;   // on_closed is due
  base::ListLink backend_link;  // a backend's own list
  std::uint64_t send_turn = 0;  // uring: the place behind the send in the submission queue
  bool send_must_wait = false;  // uring: the socket was full; the kernel waits for room
  int pending_errno = 0;        // uring: of an on_error that is due after what arrived before it
  std::uint32_t readiness = 0;  // epoll: what the socket is known to be ready for
  void* peer = nullptr;         // simulator: the other end
};

// A listening socket of one worker.
class ListenerOwner {
 public:
  virtual void on_accept(int fd) = 0;
  // Accepting failed (EMFILE, ...). Accepting goes on: Io tries again after a pause.
  virtual void on_accept_error(base::Error error) = 0;
  virtual void on_listener_closed() = 0;

 protected:
  ~ListenerOwner() = default;
};

class Listener {
 public:
  explicit Listener(ListenerOwner& listener_owner) : owner(listener_owner) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { HEADRACE_ASSERT(fd < 0); }

  ListenerOwner& owner;
  int fd = -1;
  bool accepting = false;
  bool closing = false;
  bool shared = false;  // the descriptor is not ours to close (socket activation)
  base::Nanos retry_at = 0;
  Op accept_op{Op::Kind::accept};
  Op cancel_op{Op::Kind::cancel};
  base::ListLink link;
};

}  // namespace headrace::io
