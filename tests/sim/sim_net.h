// SimNet: a network and a kernel made of memory, a virtual clock and one seed. Everything runs in
// one thread: the worker under test on a SimIo (sim_io.h), and scripted clients and upstreams on
// SimPeer (sim_peer.h).
//
//   SimNet net(seed, SimFaults::rough());
//   SimIo io(net, client_pool, upstream_pool);               // the worker's Io
//   const auto address = SimNet::address(1, 8080);           // 10.0.0.1:8080
//   worker.listen(net.make_listener(address));               // a virtual descriptor for
//   Io::listen_start MyProvider provider(net, SimNet::address(2, 80));        // a SimListenerPeer
//   MyClient client(net); client.dial(address);              // a SimPeer
//   while (!client.done() && net.now() < limit) io.run_once(base::kSecond);
//
// Time moves only inside SimIo::run_once: to the next event of the network or the next timer of the
// worker, and by a few microseconds a turn. Scripts act when something arrives, or when they asked
// for it with after(). The same seed gives the same run: log_hash() says so, trace_to() prints it.
//
// A connection is two SimEnds. Each keeps the bytes on their way to the other end (in order,
// delivered at random moments), what has arrived and is not yet read, and the window: what both may
// hold together, which is where backpressure comes from. Ends live as long as the net.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/prng.h"
#include "base/time.h"

namespace headrace::sim {

// How rough the world is. Probabilities are per occasion; all default to a perfect world.
struct SimFaults {
  // The network.
  base::Nanos delay_min = 20 * base::kMicrosecond;  // one way
  base::Nanos delay_max = 20 * base::kMicrosecond;
  double slow_delivery = 0;  // a chunk takes up to slow_max
  base::Nanos slow_max = 20 * base::kMillisecond;
  double split_delivery = 0;  // a chunk arrives in two parts, the second later
  double reset = 0;           // the connection is reset in the middle of a delivered chunk
  std::size_t window_min = 256 * 1024;  // of one direction: in flight and unread together
  std::size_t window_max = 256 * 1024;

  // The worker's kernel.
  double short_receive = 0;    // a receive gives a random part of what is there
  double one_byte_socket = 0;  // every receive of this socket gives one byte (drawn once a socket)
  double short_send = 0;       // a send takes a random part, the rest waits
  double late_completion = 0;  // an operation completes 1..late_turns turns later, also after close
  std::uint64_t late_turns = 4;
  double reorder = 0;  // the completions of a turn come in random order
  double lazy_sent =
      0;  // on_sent of a send that emptied the queue comes up to kSentReportMax later
  double overshoot = 0;         // bytes still arrive after pause
  double no_buffer = 0;         // a receive finds no buffer though there is one
  double accept_no_files = 0;   // EMFILE
  double connect_no_files = 0;  // EMFILE

  static SimFaults none() { return {}; }
  // Everything that a correct program does not notice: no resets, no EMFILE.
  static SimFaults bumpy();
  // And everything else.
  static SimFaults rough();
};

class SimEnd;
class SimIo;
class SimPeer;

// Who uses an end: the worker's SimIo, or a SimPeer.
class SimEndUser {
 public:
  virtual void on_outcome(SimEnd& end, int os_errno) = 0;  // of a connect
  virtual void on_arrival(SimEnd& end) = 0;  // bytes, the end of the stream, or a reset
  virtual void on_room(SimEnd& end) = 0;     // the window opened after it was full

 protected:
  ~SimEndUser() = default;
};

// Who listens on an address.
class SimEndAcceptor {
 public:
  // The connection has come about: `end` is ours. False refuses it.
  virtual bool on_dialled(SimEnd& end) = 0;
  // A connect that is never answered.
  virtual bool black_hole() const { return false; }

 protected:
  ~SimEndAcceptor() = default;
};

class SimNet {
 public:
  explicit SimNet(std::uint64_t seed, SimFaults faults = {});
  SimNet(const SimNet&) = delete;
  SimNet& operator=(const SimNet&) = delete;
  ~SimNet();

  static sockaddr_storage address(unsigned host, std::uint16_t port);  // 10.0.0.host:port

  base::Nanos now() const { return now_; }
  base::Prng& prng() { return prng_; }
  const SimFaults& faults() const { return faults_; }
  SimFaults& faults() { return faults_; }  // may change during a run: a storm, then calm

  // Runs `what` at a moment of virtual time; from now on when that is past.
  void at(base::Nanos time, std::function<void()> what);
  void after(base::Nanos delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

  // A virtual descriptor for Io::listen_start of the one SimIo.
  int make_listener(const sockaddr_storage& address);

  // Every connection is closed on both ends, and nothing is on its way or waits to be accepted.
  bool quiet() const;
  std::size_t open_ends() const;

  // The identity of a run: every event with its time, size and turn has gone in.
  std::uint64_t log_hash() const { return hash_; }
  void trace_to(std::FILE* file) { trace_ = file; }

  // -- for SimIo and SimPeer
  void listen(const sockaddr_storage& address, SimEndAcceptor& acceptor);
  void unlisten(SimEndAcceptor& acceptor);
  SimEnd& dial(const sockaddr_storage& address, SimEndUser& user, bool by_worker);
  int open_fd(SimEnd& end);
  SimEnd& end_of_fd(int fd);
  sockaddr_storage address_of_listener(int fd) const;

  void advance_to(base::Nanos time);  // runs everything due until then
  bool run_next(base::Nanos limit);   // the next moment up to `limit` at which something is due
  base::Nanos one_way_delay();
  void log(const char* what, std::uint64_t id, std::uint64_t size);
  void set_turn(std::uint64_t turn) { turn_ = turn; }
  std::uint64_t turn() const { return turn_; }  // of the worker

 private:
  friend class SimEnd;
  struct Event {
    base::Nanos time;
    std::uint64_t tie;  // random: what is due at one moment comes in any order
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const;
  };

  SimEnd& make_end();
  void answer(SimEnd& caller, const sockaddr_storage& address);

  base::Nanos now_ = base::kSecond;
  base::Prng prng_;
  SimFaults faults_;
  std::uint64_t events_made_ = 0;
  std::uint64_t turn_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
  std::FILE* trace_ = nullptr;
  std::vector<Event> events_;  // a heap
  std::deque<std::unique_ptr<SimEnd>> ends_;
  std::map<std::uint64_t, SimEndAcceptor*> listening_;
  std::unordered_map<int, SimEnd*> fds_;
  std::unordered_map<int, sockaddr_storage> listener_fds_;
  int next_fd_ = 1 << 24;  // never a real descriptor
};

// One end of a connection, as a kernel sees it.
class SimEnd {
 public:
  SimEnd(SimNet& net, std::uint64_t id);
  SimEnd(const SimEnd&) = delete;
  SimEnd& operator=(const SimEnd&) = delete;

  std::uint64_t id() const { return id_; }
  SimEnd& other() { return *other_; }
  void set_user(SimEndUser* user) { user_ = user; }

  // Writing. Takes what the window lets in and returns how much; on_room follows once there is room
  // again.
  std::size_t write(std::string_view bytes);
  std::size_t room() const;
  void want_room() { wants_room_ = true; }
  void shutdown_write();
  bool write_shut() const { return write_shut_; }

  // Reading.
  std::string_view unread() const { return std::string_view(inbox_).substr(inbox_read_); }
  void consume(std::size_t bytes);
  bool at_end() const { return fin_arrived_ && unread().empty(); }
  bool was_reset() const { return reset_arrived_; }

  // FIN; where bytes were left unread RST, as a real kernel does, and FIN before it only when asked
  // for.
  void close(bool fin_first = false);
  void reset();
  bool closed() const { return closed_; }
  bool connected() const { return connected_; }

  // What the worker did and when, in turns, counted by bytes of the stream: kept on the scripted
  // end.
  struct Mark {
    std::uint64_t offset;  // bytes of the stream so far
    std::uint64_t turn;
  };
  std::vector<Mark> worker_read;     // bytes of this end's stream that the worker was given
  std::vector<Mark> worker_offered;  // bytes for this end that the worker handed to its kernel
  std::vector<std::uint64_t>
      worker_busy;                // turns in which bytes for this end had to wait for a send
  std::uint64_t closed_turn = 0;  // of a worker's end: in which it was closed

 private:
  friend class SimNet;
  enum class What : std::uint8_t { bytes, fin, reset };
  struct Item {
    What what;
    std::string bytes;
  };

  void put(What what, std::string bytes);
  void schedule_delivery(base::Nanos time);
  void deliver();
  void arrive(Item item);
  void break_both();
  void make_room();
  void connect_to(SimEnd& other);

  SimNet& net_;
  const std::uint64_t id_;
  SimEnd* other_ = nullptr;
  SimEndUser* user_ = nullptr;
  std::deque<Item> outbox_;  // on the way to the other end
  std::size_t outbox_bytes_ = 0;
  base::Nanos last_delivery_ = 0;
  std::size_t window_ = 0;
  std::string inbox_;
  std::size_t inbox_read_ = 0;
  bool connected_ = false;
  bool fin_arrived_ = false;
  bool reset_arrived_ = false;
  bool write_shut_ = false;
  bool closed_ = false;
  bool wants_room_ = false;
  bool room_due_ = false;
};

}  // namespace headrace::sim
