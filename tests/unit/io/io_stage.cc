#include "io_stage.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cstring>

#include "../../sim/sim_io.h"
#include "io/epoll_io.h"
#include "io/uring_io.h"

namespace headrace::io::test {
namespace {

constexpr base::Nanos kPatience = 20 * base::kSecond;

int listen_on_loopback(Address& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&in), sizeof in) == 0);
  address.size = sizeof address.storage;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) == 0);
  return fd;
}

class RealStage : public Stage {
 public:
  explicit RealStage(BusyMode busy) : busy_(busy) {}
  bool polls() const override { return busy_ == BusyMode::always; }
  int make_listener(Address& address) override {
    const int fd = listen_on_loopback(address);
    REQUIRE(::listen(fd, 512) == 0);
    return fd;
  }
  // Bound and not listening: the port is ours, and nobody answers there.
  Address dead_address() override {
    Address address;
    dead_.push_back(listen_on_loopback(address));
    return address;
  }
  ~RealStage() override {
    for (const int fd : dead_) ::close(fd);
  }

 private:
  const BusyMode busy_;
  std::vector<int> dead_;
};

class EpollStage final : public RealStage {
 public:
  EpollStage(const StageOptions& options, BusyMode busy)
      : RealStage(busy),
        clients_(options.clients),
        upstreams_(options.upstreams),
        io_(clients_, upstreams_, busy) {}
  Io& io() override { return io_; }
  ReceivePool& pool(Side side) override { return side == Side::client ? clients_ : upstreams_; }

 private:
  ReceivePool clients_;
  ReceivePool upstreams_;
  EpollIo io_;
};

class UringStage final : public RealStage {
 public:
  UringStage(const StageOptions& options, BusyMode busy)
      : RealStage(busy), clients_(options.clients), upstreams_(options.upstreams) {
    UringOptions uring;
    uring.busy = busy;
    auto made = UringIo::create(clients_, upstreams_, uring);
    if (made.ok()) io_ = std::move(made.value());
  }
  bool works() const { return io_ != nullptr; }
  Io& io() override { return *io_; }
  ReceivePool& pool(Side side) override { return side == Side::client ? clients_ : upstreams_; }

 private:
  BufferRing clients_;
  BufferRing upstreams_;
  std::unique_ptr<UringIo> io_;
};

class SimStage final : public Stage {
 public:
  SimStage(const StageOptions& options, std::uint64_t seed, const sim::SimFaults& faults)
      : net_(seed, faults),
        clients_(options.clients),
        upstreams_(options.upstreams),
        io_(net_, clients_, upstreams_) {}
  ~SimStage() override {
    CHECK(io_.quiet());
    CHECK(net_.open_ends() == 0);
  }
  Io& io() override { return io_; }
  ReceivePool& pool(Side side) override { return side == Side::client ? clients_ : upstreams_; }
  int make_listener(Address& address) override {
    address = next_address();
    return net_.make_listener(address.storage);
  }
  Address dead_address() override { return next_address(); }
  bool virtual_time() const override { return true; }

 private:
  Address next_address() { return {sim::SimNet::address(1, next_port_++), sizeof(sockaddr_in)}; }

  sim::SimNet net_;
  ReceivePool clients_;
  ReceivePool upstreams_;
  sim::SimIo io_;
  std::uint16_t next_port_ = 1000;
};

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::epoll:
      return "epoll";
    case Kind::epoll_busy:
      return "epoll, busy";
    case Kind::uring:
      return "io_uring";
    case Kind::uring_busy:
      return "io_uring, busy";
    case Kind::sim:
      return "sim";
    case Kind::sim_bumpy:
      return "sim, bumpy";
  }
  return "";
}

}  // namespace

std::unique_ptr<Stage> Stage::make(Kind kind, const StageOptions& options, std::uint64_t seed) {
  const bool busy = kind == Kind::epoll_busy || kind == Kind::uring_busy;
  const BusyMode mode = busy ? BusyMode::always : BusyMode::off;
  switch (kind) {
    case Kind::epoll:
    case Kind::epoll_busy:
      return std::make_unique<EpollStage>(options, mode);
    case Kind::uring:
    case Kind::uring_busy: {
      auto stage = std::make_unique<UringStage>(options, mode);
      if (!stage->works()) return nullptr;
      return stage;
    }
    case Kind::sim:
      return std::make_unique<SimStage>(options, seed, sim::SimFaults::none());
    case Kind::sim_bumpy:
      return std::make_unique<SimStage>(options, seed, sim::SimFaults::bumpy());
  }
  return nullptr;
}

void Stage::turn(base::Nanos wait_max) {
  inside_ = true;
  io().run_once(wait_max);
  inside_ = false;
}

bool Stage::run_until(const std::function<bool()>& done) {
  const base::Nanos end = io().clock() + kPatience;
  while (!done()) {
    if (io().clock() >= end) return false;
    turn(100 * base::kMillisecond);
  }
  return true;
}

void Stage::run_for(base::Nanos time) {
  const base::Nanos end = io().clock() + time;
  while (io().clock() < end) turn(end - io().clock());
}

void End::on_connected(base::Status status) {
  CHECK(stage.inside());
  ++connects;
  if (!status.ok()) {
    error = status.error();
    return;
  }
  CHECK(socket.is_open());
  stage.io().recv_start(socket);
}

void End::on_data(Slice slice) {
  CHECK(stage.inside());
  CHECK_FALSE(ended());
  CHECK(closes == 0);
  REQUIRE_FALSE(slice.empty());
  if (socket.paused()) arrived_paused += slice.size();
  received += slice.view();
  if (hold) held.push_back(std::move(slice));
  if (when_data) when_data();
}

void End::on_eof() {
  CHECK(stage.inside());
  CHECK(eofs + errors == 0);
  ++eofs;
  if (when_eof) when_eof();
}

void End::on_error(base::Error with) {
  CHECK(stage.inside());
  CHECK(errors == 0);
  ++errors;
  error = with;
  if (when_error) when_error();
}

void End::on_sent() {
  CHECK(stage.inside());
  CHECK(errors == 0);
  ++sents;
  if (when_sent) when_sent();
}

void End::on_closed() {
  CHECK(stage.inside());
  CHECK(socket.is_closed());
  ++closes;
  if (when_closed) when_closed();
}

Door::Door(Stage& stage_of) : listener(*this), stage(stage_of) {
  const int fd = stage.make_listener(address);
  stage.io().listen_start(listener, fd);
}

void Door::on_accept(int fd) {
  CHECK(stage.inside());
  ends.push_back(std::make_unique<End>(stage));
  End& end = *ends.back();
  stage.io().adopt(end.socket, fd, Side::client);
  CHECK(end.socket.is_open());
  if (when_accepted) when_accepted(end);
  if (receive_at_once) stage.io().recv_start(end.socket);
}

void Door::stop() {
  stage.io().listen_stop(listener);
  CHECK(closes == 0);
  CHECK(stage.run_until([&] { return closes == 1; }));
}

Pair::Pair(Stage& stage_of, Side near_side)
    : stage(stage_of), door(stage_of), near(std::make_unique<End>(stage_of)) {
  const auto status =
      stage.io().connect(near->socket, door.address.storage, door.address.size, near_side);
  REQUIRE(status.ok());
  REQUIRE(stage.run_until([&] { return near->connects == 1 && door.ends.size() == 1; }));
  REQUIRE(near->socket.is_open());
  far = door.ends[0].get();
}

void Pair::close_all() {
  near->held.clear();
  far->held.clear();
  near->when_closed = far->when_closed = nullptr;
  if (!near->socket.is_closed()) near->close();
  if (!far->socket.is_closed()) far->close();
  CHECK(stage.run_until([&] { return near->closes == 1 && far->closes == 1; }));
  door.stop();
}

void on_every_io(const std::function<void(Stage&)>& body, const StageOptions& options) {
  constexpr Kind kKinds[] = {
      Kind::epoll, Kind::epoll_busy, Kind::uring, Kind::uring_busy, Kind::sim, Kind::sim_bumpy};
  for (const Kind kind : kKinds) {
    const std::uint64_t seeds = kind == Kind::sim_bumpy ? 40 : 1;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const std::string name = name_of(kind);
      CAPTURE(name);
      CAPTURE(seed);
      const std::unique_ptr<Stage> stage = Stage::make(kind, options, seed);
      if (stage == nullptr) {
        MESSAGE("skipped: this host does not allow ", name);
        continue;
      }
      body(*stage);
      CHECK(stage->pool(Side::client).out() == 0);
      CHECK(stage->pool(Side::upstream).out() == 0);
      CHECK(stage->io().blocks().blocks_out() == 0);
    }
  }
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t value = 12345;
  for (char& byte : bytes) {
    value = value * 1664525u + 1013904223u;
    byte = static_cast<char>('!' + (value >> 24) % 90);
  }
  return bytes;
}

}  // namespace headrace::io::test
