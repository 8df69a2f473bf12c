// EpollIo: Io on edge-triggered epoll, for hosts where io_uring is forbidden (the default seccomp
// profiles of Docker and containerd). Same semantics; a hop costs three system calls (wait, recv,
// send) instead of one.
//
// What keeps it at that: a descriptor is registered once and, at most once more, for writability
// when its first send was short; a receive that did not fill its buffer is the last one until the
// next edge; sends of one socket leave as one call at the end of the turn; timers are the timeout
// of the wait.
//
// One send is "in flight" here when the kernel was full: the rest of it is parked until the socket
// is writable, so that pieces queued behind it are coalesced as on io_uring. One thread, except
// wake().
#pragma once

#include <sys/epoll.h>

#include <array>

#include "io/idle_policy.h"
#include "io/io.h"

namespace headrace::io {

class EpollIo final : public Io {
 public:
  EpollIo(ReceivePool& clients, ReceivePool& upstreams, BusyMode busy);
  ~EpollIo() override;

  std::string_view name() const override { return "epoll"; }
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

 private:
  static constexpr std::size_t kEventsPerTurn = 128;
  static constexpr int kReceivesPerTurn = 16;  // of one socket: 64 KiB, then the others have a turn
  static constexpr int kAcceptsPerTurn = 32;
  static constexpr int kHandOverRounds = 3;
  static constexpr base::Nanos kAcceptPause = 20 * base::kMillisecond;

  using ReadyList = base::IntrusiveList<Socket, &Socket::backend_link>;
  using StarvedList = base::IntrusiveList<Socket, &Socket::starved_link>;
  using SettleList = base::IntrusiveList<Socket, &Socket::settle_link>;
  using ListenerList = base::IntrusiveList<Listener, &Listener::link>;

  // -- one turn
  base::Nanos wait_bound(base::Nanos wait_max);
  std::size_t wait(base::Nanos bound);
  std::size_t wait_once(base::Nanos bound);
  void feed_starved();
  void deliver_ready();
  void deliver_events(std::size_t count);
  void note_closed();
  void hand_over();

  // -- one socket
  void begin(Socket& socket, int fd, Side side, std::uint32_t events);
  void on_socket_event(Socket& socket, std::uint32_t events);
  void on_ready(Socket& socket);
  void finish_connect(Socket& socket);
  void receive(Socket& socket);
  bool receive_once(Socket& socket);
  void on_end_of_stream(Socket& socket);
  void push_out(Socket& socket);
  void park(Socket& socket);
  void note_broken(Socket& socket, int os_errno);
  void fail(Socket& socket, int os_errno);
  bool error_may_wait(const Socket& socket) const;
  void want_turn(Socket& socket);

  // -- listeners
  void watch(Listener& listener);
  void accept_some(Listener& listener);
  void on_accept_failed(Listener& listener, int os_errno);
  void on_accept_retry();
  void finish_listeners();

  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  IdlePolicy idle_;
  bool fine_timeouts_ = true;  // epoll_pwait2 works here
  std::array<epoll_event, kEventsPerTurn> events_{};

  ReadyList ready_;                     // has something to receive or report without a new edge
  ReadyList closing_;                   // on_closed is due in this turn
  std::array<StarvedList, 2> starved_;  // by side
  SettleList settling_;                 // the kernel took a whole send
  ListenerList resting_;                // out of descriptors: accepting goes on at accept_timer_
  ListenerList stopping_;
  Timer accept_timer_;
};

}  // namespace headrace::io
