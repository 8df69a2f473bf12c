// What the contract tests of Io share: a fresh Io of each kind on a stage of its own, and ends of
// connections that write down what happened to them. Both ends of every connection live in the Io
// under test.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/io.h"

namespace headrace::io::test {

enum class Kind : std::uint8_t { epoll, epoll_busy, uring, uring_busy, sim, sim_bumpy };

struct StageOptions {
  ReceivePoolOptions clients{.buffer_bytes = 4096, .initial = 16, .cap = 1024};
  ReceivePoolOptions upstreams{.buffer_bytes = 4096, .initial = 16, .cap = 1024};
};

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// An Io with its pools and a place to listen.
class Stage {
 public:
  // Null where the host forbids this kind.
  static std::unique_ptr<Stage> make(Kind kind, const StageOptions& options, std::uint64_t seed);
  virtual ~Stage() = default;

  virtual Io& io() = 0;
  virtual ReceivePool& pool(Side side) = 0;
  virtual int make_listener(Address& address) = 0;
  virtual Address dead_address() = 0;  // where nobody listens
  virtual bool virtual_time() const { return false; }
  virtual bool polls() const { return false; }

  // Turns until `done`; false when that takes more than 20 seconds.
  bool run_until(const std::function<bool()>& done);
  void run_for(base::Nanos time);
  bool inside() const { return inside_; }  // run_once is on the stack

 private:
  void turn(base::Nanos wait_max);
  bool inside_ = false;
};

// One end. Follows what its test wants by the hooks; counts and keeps everything else.
class End final : public SocketOwner {
 public:
  explicit End(Stage& stage_of) : socket(*this), stage(stage_of) {}
  ~End() { CHECK(socket.is_closed()); }

  void on_connected(base::Status status) override;
  void on_data(Slice slice) override;
  void on_eof() override;
  void on_error(base::Error error) override;
  void on_sent() override;
  void on_closed() override;

  // Shorthands.
  void send(std::string_view bytes) { stage.io().send_copy(socket, bytes); }
  void close(CloseHow how = CloseHow::orderly) { stage.io().close(socket, how); }
  bool ended() const { return eofs + errors != 0; }

  Socket socket;
  Stage& stage;
  std::string received;
  std::vector<Slice> held;
  int connects = 0, eofs = 0, errors = 0, sents = 0, closes = 0;
  base::Error error{};
  std::size_t arrived_paused = 0;

  bool hold = false;  // keep the slices
  std::function<void()> when_data, when_eof, when_error, when_sent, when_closed;
};

// A listener that adopts what comes, and the ends it made.
class Door final : public ListenerOwner {
 public:
  explicit Door(Stage& stage_of);
  ~Door() { CHECK(listener.fd < 0); }

  void on_accept(int fd) override;
  void on_accept_error(base::Error) override { ++accept_errors; }
  void on_listener_closed() override { ++closes; }
  void stop();

  Listener listener;
  Stage& stage;
  Address address;
  std::vector<std::unique_ptr<End>> ends;
  std::function<void(End&)> when_accepted;
  bool receive_at_once = true;
  int accept_errors = 0, closes = 0;
};

// A connected pair; `close_all` ends it with every buffer at home.
struct Pair {
  explicit Pair(Stage& stage_of, Side near_side = Side::upstream);
  void close_all();

  Stage& stage;
  Door door;
  std::unique_ptr<End> near;  // the end that connected
  End* far = nullptr;         // the end that was accepted
};

// Runs `body` on every kind of Io that this host allows; the simulator with some seeds.
void on_every_io(const std::function<void(Stage&)>& body, const StageOptions& options = {});

// Bytes whose place can be seen from their value.
std::string pattern(std::size_t size);

}  // namespace headrace::io::test
