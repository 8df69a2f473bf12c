// Listeners on io_uring: accepting, stopping, and what happens when descriptors run out.
#include <sys/resource.h>

#include "io/uring_io.h"
#include "uring_fixture.h"

namespace headrace::io::test {
namespace {

struct Gate : ListenerOwner {
  explicit Gate(Rig& test_rig) : rig(test_rig), listener(*this) {}
  virtual ~Gate() {
    if (listener.fd < 0) return;
    rig.io->listen_stop(listener);
    rig.until([&] { return closed == 1; });
  }
  void on_accept(int fd) override {
    accepted.emplace_back(fd);
    if (stop_at_first) rig.io->listen_stop(listener);
  }
  void on_accept_error(base::Error e) override {
    ++errors;
    error = e;
  }
  void on_listener_closed() override { ++closed; }

  Rig& rig;
  Listener listener;
  std::vector<Fd> accepted;
  bool stop_at_first = false;
  int errors = 0;
  int closed = 0;
  base::Error error{};
};

TEST_CASE("one accept serves any number of connections") {
  Rig rig;
  Gate gate(rig);
  Fd fd = listening();
  const std::uint16_t port = port_of(fd.value);
  rig.io->listen_start(gate.listener, fd.release());
  std::vector<Fd> peers;
  for (int i = 0; i < 100; ++i) peers.push_back(dial(port));
  REQUIRE(rig.until([&] { return gate.accepted.size() == 100; }));
  CHECK(rig.io->counters().accepts == 100);
  CHECK((::fcntl(gate.accepted[0].value, F_GETFD) & FD_CLOEXEC) != 0);
  write_all(peers[7], "seven");
  std::size_t found = 0;
  for (auto& accepted : gate.accepted) found += read_now(accepted) == "seven" ? 1 : 0;
  CHECK(found == 1);
}

TEST_CASE("a stopped listener refuses connections once it says closed") {
  Rig rig;
  Gate gate(rig);
  Fd fd = listening();
  const sockaddr_storage address = loopback(port_of(fd.value));
  rig.io->listen_start(gate.listener, fd.release());
  rig.turns(2);
  rig.io->listen_stop(gate.listener);
  CHECK(gate.closed == 0);
  rig.io->listen_stop(gate.listener);
  REQUIRE(rig.until([&] { return gate.closed == 1; }, 5));
  CHECK(gate.listener.fd == -1);
  Fd late(::socket(AF_INET, SOCK_STREAM, 0));
  CHECK(::connect(late.value, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in)) ==
        -1);
  CHECK(errno == ECONNREFUSED);
}

TEST_CASE("a listener may be stopped from inside on_accept") {
  Rig rig;
  Gate gate(rig);
  gate.stop_at_first = true;
  Fd fd = listening();
  const std::uint16_t port = port_of(fd.value);
  rig.io->listen_start(gate.listener, fd.release());
  Fd one = dial(port);
  REQUIRE(rig.until([&] { return gate.closed == 1; }));
  CHECK(gate.accepted.size() == 1);
}

TEST_CASE("a listener that never had a turn can be stopped") {
  Rig rig;
  Gate gate(rig);
  rig.io->listen_start(gate.listener, listening().release());
  rig.io->listen_stop(gate.listener);
  REQUIRE(rig.until([&] { return gate.closed == 1; }, 5));
}

TEST_CASE("a shared descriptor stays open when its listener stops") {
  Rig rig;
  Gate gate(rig);
  Fd fd = listening();
  gate.listener.shared = true;
  rig.io->listen_start(gate.listener, fd.value);
  rig.turns(1);
  rig.io->listen_stop(gate.listener);
  REQUIRE(rig.until([&] { return gate.closed == 1; }));
  Fd peer = dial(port_of(fd.value));
  CHECK(peer.value >= 0);
}

// No descriptor can be made while one lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest = ::dup(0);
    ::close(lowest);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest);
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("without descriptors accepting pauses instead of spinning, then goes on") {
  Rig rig;
  Gate gate(rig);
  Fd fd = listening();
  const std::uint16_t port = port_of(fd.value);
  Fd peer = dial(port);
  rig.turns(1);
  {
    const NoDescriptors shortage;
    rig.io->listen_start(gate.listener, fd.release());
    const base::Nanos start = rig.io->clock();
    const auto turns = rig.io->counters().turns;
    for (int i = 0; i < 100 && gate.errors < 3; ++i) rig.io->run_once(base::kSecond);
    CHECK(gate.errors == 3);
    CHECK(gate.error.code == base::Errc::out_of_files);
    CHECK(gate.error.os_errno == EMFILE);
    CHECK(rig.io->clock() - start >= 39 * base::kMillisecond);
    CHECK(rig.io->counters().turns - turns < 10);
  }
  CHECK(rig.until([&] { return gate.accepted.size() == 1; }));
}

TEST_CASE("connecting without descriptors is refused at once, and the socket stays closed") {
  Rig rig;
  Party party(rig);
  rig.turns(1);
  const NoDescriptors shortage;
  const base::Status status =
      rig.io->connect(party.socket, loopback(1), sizeof(sockaddr_in), Side::upstream);
  CHECK(status.error() == base::gateway_error(base::Errc::out_of_files, EMFILE));
  CHECK(party.socket.is_closed());
}

TEST_CASE("a listener that waits to try again can be stopped") {
  Rig rig;
  Gate gate(rig);
  // Not listening: accepting fails for good.
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rig.io->listen_start(gate.listener, fd.release());
  REQUIRE(rig.until([&] { return gate.errors == 1; }));
  CHECK(gate.error.code == base::Errc::io_failed);
  rig.io->listen_stop(gate.listener);
  CHECK(rig.until([&] { return gate.closed == 1; }, 3));
}

}  // namespace
}  // namespace headrace::io::test
