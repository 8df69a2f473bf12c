// UringIo: Io on io_uring, the backend of choice. One system call a turn when blocked: the enter at
// the start of run_once() hands over what the previous turn queued AND waits, so the turns follow
// each other without a gap and what a turn queues leaves at once. When busy polling it takes two:
// one hands over, and one runs the work that a look at shared memory has found.
//
// The sending discipline. One send is in flight per socket. It is tried without waiting and reports
// only failure (MSG_DONTWAIT | MSG_WAITALL, CQE_SKIP_SUCCESS): no completion means that every byte
// was taken, once the enter that carried it has returned and the completion queue was seen whole. A
// full socket reports what it took; the rest goes again and the kernel waits for room. Where
// somebody depends on the report (more is queued, receiving is paused, a socket starves,
// `prompt_sent`), success is reported too.
//
// Made on any thread; the first run_once() fixes the thread, and the ring serves no other (except
// wake()). Everything must be closed before it dies; the two pools outlive it. Requests are
// identified by the address of their socket or listener, with the kind of the request in the low
// bits.
#pragma once

#include <memory>
#include <string_view>

#include "io/buffer_ring.h"
#include "io/busy_mode.h"
#include "io/idle_policy.h"
#include "io/io.h"
#include "io/uring_ring.h"

namespace headrace::io {

struct UringOptions {
  RingOptions ring{};
  BusyMode busy = BusyMode::automatic;
  base::Nanos poll_max = 0;  // 0: what suits this machine
};

class UringIo final : public Io {
 public:
  // Fails with io_failed and the errno of the kernel's refusal.
  static base::Result<std::unique_ptr<UringIo>> create(BufferRing& clients,
                                                       BufferRing& upstreams,
                                                       const UringOptions& options);
  ~UringIo() override;

  std::string_view name() const override { return "io_uring"; }
  base::Nanos clock() const override;
  std::uint64_t read_wall_clock() const override;

  void listen_start(Listener& listener, int fd) override;
  void listen_stop(Listener& listener) override;

  void adopt(Socket& socket, int fd, Side side) override;
  base::Status connect(Socket& socket,
                       const sockaddr_storage& address,
                       socklen_t size,
                       Side side) override;
  void recv_start(Socket& socket) override;
  void pause(Socket& socket, PauseReason reason) override;
  void resume(Socket& socket, PauseReason reason) override;
  void close(Socket& socket, CloseHow how) override;

  void wake() override;
  void run_once(base::Nanos wait_max) override;

  const UringRing& ring() const { return ring_; }

 private:
  using StarvedList = base::IntrusiveList<Socket, &Socket::starved_link>;
  using SettleList = base::IntrusiveList<Socket, &Socket::settle_link>;
  using FailureList = base::IntrusiveList<Socket, &Socket::backend_link>;
  using ListenerList = base::IntrusiveList<Listener, &Listener::link>;

  UringIo(BufferRing& clients, BufferRing& upstreams, const UringOptions& options);
  int open(const UringOptions& options);
  void bind_to_this_thread();

  BufferRing& pool(Side side) { return *pools_[static_cast<std::size_t>(side)]; }
  StarvedList& starved(Side side) { return starved_[static_cast<std::size_t>(side)]; }

  // -- handing over
  io_uring_sqe& next_sqe();
  void submit();
  void hand_over_dirty();
  void hand_over(Socket& socket);
  void start_send(Socket& socket);
  bool send_directly(Socket& socket, std::size_t count);
  bool report_matters(const Socket& socket) const;
  void feed_starved(Side side);
  void begin(Socket& socket, Op& op);
  void end(Socket& socket, Op& op);

  // -- waiting
  void wait(base::Nanos wait_max);
  bool must_go_on();
  base::Nanos deadline(base::Nanos start, base::Nanos wait_max);
  bool poll_busily(base::Nanos start, base::Nanos until, base::Nanos window);

  // -- events
  void reap();
  void settle();
  void dispatch(std::uint64_t data, int result, std::uint32_t flags);
  void on_send_completed(Socket& socket, int result);
  void complete_send(Socket& socket, std::size_t bytes);
  void on_connect_completed(Socket& socket, int result);
  void on_receive_completed(Socket& socket, int result, std::uint32_t flags);
  void on_receive_ended(Socket& socket, int result);
  void on_accept_completed(Listener& listener, int result, std::uint32_t flags);
  void on_wake_completed();
  void deliver_failures();

  // -- sockets and listeners
  void start(Socket& socket, int fd, Side side, Socket::State state);
  void arm_receive(Socket& socket);
  bool wants_receive(const Socket& socket) const;
  void cancel(std::uint64_t data);
  void fail(Socket& socket, int error);
  void finish_close(Socket& socket);
  void arm_accept(Listener& listener);
  void retry_accepts();
  void finish_listener(Listener& listener);
  void deliver_listeners_closed();
  void arm_wake();

  UringRing ring_;
  std::array<BufferRing*, 2> pools_;
  IdlePolicy idle_;
  std::array<StarvedList, 2> starved_;
  SettleList settle_;      // sends handed over that will report only failure
  FailureList failures_;   // on_error is due once the batch is through
  ListenerList retrying_;  // accepting failed; oldest first
  ListenerList closed_listeners_;
  std::size_t sends_in_flight_ = 0;
  std::size_t ops_in_kernel_ = 0;
  std::uint64_t direct_sends_ = 0;
  bool polls_ = false;      // the last wait polled before it slept
  std::size_t paused_ = 0;  // sockets that wait for another one's on_sent
  int wake_fd_ = -1;
};

}  // namespace headrace::io
