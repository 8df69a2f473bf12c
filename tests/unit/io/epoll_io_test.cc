// Goal: what is EpollIo's own: few system calls a hop, waiting exactly, polling, running out of
// descriptors. Method: the stage of the contract tests, with the counters and the descriptor limit
// of this process.
#include "io/epoll_io.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io_stage.h"

namespace headrace::io::test {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;

// No descriptor is left to this process while it lives.
class NoFiles {
 public:
  NoFiles() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest_free = ::dup(0);
    REQUIRE(lowest_free >= 0);
    ::close(lowest_free);
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  }
  NoFiles(const NoFiles&) = delete;
  NoFiles& operator=(const NoFiles&) = delete;
  ~NoFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

void echo(End& end) {
  end.hold = true;
  end.when_data = [&end] {
    end.stage.io().send(end.socket, std::move(end.held.back()));
    end.held.clear();
  };
}

}  // namespace

TEST_CASE("epoll: a hop costs one wait, one receive and one send") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Pair pair(*stage);
  echo(*pair.far);
  constexpr std::uint64_t kRounds = 200;
  const std::uint64_t before = stage->io().counters().enters;
  for (std::uint64_t i = 1; i <= kRounds; ++i) {
    pair.near->send("ping");
    REQUIRE(stage->run_until([&] { return pair.near->received.size() == 4 * i; }));
  }
  const std::uint64_t enters = stage->io().counters().enters - before;
  CHECK(enters <= kRounds * 2 * 3);  // two hops a round
  pair.close_all();
}

TEST_CASE("epoll: a receive that did not fill its buffer is not followed by another") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Pair pair(*stage);
  const IoCounters before = stage->io().counters();
  pair.near->send("short");
  REQUIRE(stage->run_until([&] { return pair.far->received.size() == 5; }));
  const IoCounters& after = stage->io().counters();
  CHECK(after.receives - before.receives == 1);
  CHECK(after.enters - before.enters == 3);
  pair.close_all();
}

TEST_CASE(
    "epoll: a wait is not much longer than a timer that is due between two milliseconds of it") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Io& io = stage->io();
  const base::Nanos start = io.clock();
  io.run_once(300 * kMicrosecond);
  CHECK(io.clock() - start >= 300 * kMicrosecond);
  CHECK(io.now() - start >= 300 * kMicrosecond);
  CHECK(io.turn() == 1);
  CHECK(io.counters().enters == 1);
}

TEST_CASE("epoll: a wait of nothing returns at once, and looking is not counted") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  for (int i = 0; i < 100; ++i) stage->io().run_once(0);
  CHECK(stage->io().turn() == 100);
  CHECK(stage->io().counters().enters == 0);
}

TEST_CASE("epoll: polling counts what it won") {
  const auto stage = Stage::make(Kind::epoll_busy, {}, 1);
  Pair pair(*stage);
  pair.near->send("found by looking");
  REQUIRE(stage->run_until([&] { return !pair.far->received.empty(); }));
  CHECK(stage->io().counters().polls_hit > 0);
  CHECK(stage->io().counters().polls_missed == 0);
  pair.close_all();
}

TEST_CASE("epoll: out of descriptors, accepting pauses without spinning and goes on") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Io& io = stage->io();
  Door door(*stage);
  End near(*stage);
  REQUIRE(io.connect(near.socket, door.address.storage, door.address.size, Side::upstream).ok());
  base::Nanos start = 0;
  {
    const NoFiles none;
    start = io.clock();
    REQUIRE(stage->run_until([&] { return door.accept_errors == 2; }));
    CHECK(io.clock() - start >= 20 * kMillisecond);
    CHECK(io.turn() < 12);
    CHECK(door.ends.empty());
  }
  CHECK(stage->run_until([&] { return door.ends.size() == 1; }));
  near.close();
  door.ends[0]->close();
  CHECK(stage->run_until([&] { return near.closes + door.ends[0]->closes == 2; }));
  door.stop();
}

TEST_CASE("epoll: a listener may stop while it rests") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Io& io = stage->io();
  Door door(*stage);
  End near(*stage);
  REQUIRE(io.connect(near.socket, door.address.storage, door.address.size, Side::upstream).ok());
  {
    const NoFiles none;
    REQUIRE(stage->run_until([&] { return door.accept_errors == 1; }));
  }
  door.stop();
  CHECK(stage->run_until([&] { return near.ended(); }));  // reset with the queue of the listener
  stage->run_for(25 * kMillisecond);
  CHECK(door.ends.empty());
  near.close();
  CHECK(stage->run_until([&] { return near.closes == 1; }));
}

TEST_CASE("epoll: out of descriptors, connect says so and the socket stays closed") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  End near(*stage);
  const Address address = stage->dead_address();
  const NoFiles none;
  const base::Status status =
      stage->io().connect(near.socket, address.storage, address.size, Side::upstream);
  CHECK_FALSE(status.ok());
  CHECK(status.error().code == base::Errc::out_of_files);
  CHECK(near.socket.is_closed());
}

TEST_CASE("epoll: a listener that is not ours alone is not closed") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Address address;
  const int fd = stage->make_listener(address);
  {
    Door door(*stage);
    door.stop();
    door.listener.shared = true;
    door.closes = 0;
    stage->io().listen_start(door.listener, fd);
    End near(*stage);
    REQUIRE(stage->io().connect(near.socket, address.storage, address.size, Side::upstream).ok());
    CHECK(stage->run_until([&] { return door.ends.size() == 1; }));
    door.stop();
    near.close();
    door.ends[0]->close();
    CHECK(stage->run_until([&] { return near.closes + door.ends[0]->closes == 2; }));
  }
  CHECK(::fcntl(fd, F_GETFD) >= 0);
  ::close(fd);
}

}  // namespace headrace::io::test
