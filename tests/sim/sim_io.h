// SimIo: the worker's Io inside a SimNet (sim_net.h says how a simulation is put together). It
// behaves like the io_uring backend seen from above, with the unpleasant freedoms of a kernel drawn
// from the seed: receives and sends are short, operations complete turns later and after close,
// what a turn delivers comes in any order, buffers and descriptors run out, bytes arrive after a
// pause, and on_sent takes its time.
//
// run_once never sleeps: it moves the net's clock to the next event or timer, and by some
// microseconds a turn. It also keeps the books for the oracle: in which turn the worker was given
// each byte, and in which it handed each byte to the kernel (SimPeer::turn_read, turn_offered,
// worker_busy), in turns of its own.
//
// Several SimIos may share a net, one a worker. Then whoever turns them must not let one sleep
// while another has work: turn one that wants_turn(), and where none does, move the net to the
// earliest ready_at().
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "io/io.h"
#include "sim_net.h"

namespace headrace::sim {

class SimIo final : public io::Io, private SimEndUser {
 public:
  SimIo(SimNet& net, io::ReceivePool& clients, io::ReceivePool& upstreams);
  ~SimIo() override;

  std::string_view name() const override { return "sim"; }
  base::Nanos clock() const override { return net_.now(); }
  std::uint64_t read_wall_clock() const override;

  void listen_start(io::Listener& listener, int fd) override;
  void listen_stop(io::Listener& listener) override;
  void adopt(io::Socket& socket, int fd, io::Side side) override;
  base::Status connect(io::Socket& socket,
                       const sockaddr_storage& address,
                       socklen_t size,
                       io::Side side) override;
  void recv_start(io::Socket& socket) override;
  void pause(io::Socket& socket, io::PauseReason reason) override;
  void resume(io::Socket& socket, io::PauseReason reason) override;
  void close(io::Socket& socket, io::CloseHow how) override;
  void discard(int fd, std::string_view last_words) override;
  void wake() override;
  void run_once(base::Nanos wait_max) override;

  // A turn would not wait.
  bool wants_turn();
  // When it would not even if nothing happened until then.
  base::Nanos ready_at() const;
  // No socket is open or closing, and nothing is pending.
  bool quiet() const;

 private:
  // A listening address of the worker, with the connections that wait to be accepted.
  struct Door final : SimEndAcceptor {
    Door(SimIo& sim_io, io::Listener& of) : io(sim_io), listener(&of) {}
    bool on_dialled(SimEnd& end) override;

    SimIo& io;
    io::Listener* listener;  // null once stopped
    std::deque<SimEnd*> backlog;
    bool posted = false;
  };

  // What the kernel knows about one socket.
  struct Line {
    io::Socket* socket = nullptr;
    SimEnd* end = nullptr;
    bool one_byte = false;
    bool connecting = false;      // the connect has no outcome yet
    bool receive_posted = false;  // a completion of the receive is on its way
    bool send_posted = false;     // a completion of the send is on its way
    bool waits_for_room = false;  // the send sits in the kernel
    std::size_t overshoot = 0;    // bytes that may still arrive while paused
    std::uint64_t read = 0;
    std::uint64_t taken = 0;  // of what was sent
  };

  enum class Kind : std::uint8_t {
    connected,
    readable,
    sent,
    send_failed,
    broken,
    dead,
    accept,
    wake
  };
  struct Completion {
    Kind kind;
    Line* line;  // null: of a listener, or a wake
    Door* door;
    std::uint64_t turn;      // not before this one
    base::Nanos lazy_until;  // 0, or: worth waking up for only then
    std::size_t value;
  };

  // -- one turn
  bool must_go_on() const;
  void wait(base::Nanos wait_max);
  void deliver();
  void dispatch(const Completion& completion);
  void hand_over();
  void feed_starved();
  void finish_listeners();

  // -- completions
  void post(Kind kind, Line* line, std::size_t value = 0);
  void post_accept(Door& door);
  std::uint64_t completion_turn();

  // -- one socket
  Line& begin(io::Socket& socket, SimEnd& end, io::Side side);
  Line& line_of(io::Socket& socket);
  void on_connect_done(Line& line, int os_errno);
  void want_receive(Line& line);
  void on_receive_done(Line& line);
  bool receive_one(Line& line);
  std::size_t receive_size(const Line& line, std::size_t room);
  void on_end_of_receive(Line& line);
  void starve(io::Socket& socket);
  void start_send(io::Socket& socket);
  void try_send(Line& line);
  void on_send_done(Line& line, std::size_t bytes);
  void on_send_failed(Line& line);
  void fail(Line& line, int os_errno);
  void finish_close(Line& line);
  void accept_all(Door& door);

  void on_outcome(SimEnd& end, int os_errno) override;
  void on_arrival(SimEnd& end) override;
  void on_room(SimEnd& end) override;

  using StarvedList = base::IntrusiveList<io::Socket, &io::Socket::starved_link>;
  using ListenerList = base::IntrusiveList<io::Listener, &io::Listener::link>;

  SimNet& net_;
  std::unordered_map<std::uint64_t, Line> lines_;  // by the id of the end; never walked
  std::vector<std::unique_ptr<Door>> doors_;
  std::vector<Completion> pending_;
  std::vector<Completion> batch_;
  StarvedList starved_;
  ListenerList stopping_;
};

}  // namespace headrace::sim
