// Goal: a lane tells its dial how it went, its borrower what comes, and goes when nobody wants it.
// Method: a lane of a pool in the simulated world.
#include "upstream/lane.h"

#include <doctest/doctest.h>

#include <string>

#include "sim_stage.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::kSecond;

class Borrower final : public io::SocketOwner, public upstream::DialOwner {
 public:
  void on_dialled(upstream::Lane& dialled) override { lane = &dialled; }
  void on_dial_failed(base::Error) override { failed = true; }
  void on_connected(base::Status) override { CHECK(false); }
  void on_data(io::Slice slice) override { heard += slice.view(); }
  void on_eof() override { ended = true; }
  void on_error(base::Error) override { ended = true; }
  void on_sent() override {}
  void on_closed() override { closed = true; }

  upstream::Lane* lane = nullptr;
  std::string heard;
  bool ended = false;
  bool closed = false;
  bool failed = false;
};

struct Bench : SimStage {
  Bench() {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 80);
    endpoint.size = sizeof(sockaddr_in);
    origin.set_endpoints({endpoint});
    REQUIRE(dial.start(io.now() + kSecond).ok());
    REQUIRE(run_until([this] { return borrower.lane != nullptr; }));
  }
  ~Bench() {
    CHECK(run_until([this] { return pool.empty(); }));
  }

  House server{net, sim::SimNet::address(2, 80)};
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("o");
  Borrower borrower;
  upstream::Dial dial{io, pool, origin, borrower};
};

}  // namespace

TEST_CASE("who borrows a lane hears its events, up to its close") {
  Bench bench;
  upstream::Lane& lane = *bench.borrower.lane;
  lane.lend(bench.borrower);
  lane.stream().recv_start();
  lane.stream().send_copy("hello");
  bench.settle();
  CHECK(bench.server[0].heard == "hello");
  bench.server[0].send("answer");
  bench.server[0].close();
  bench.settle();
  CHECK(bench.borrower.heard == "answer");
  CHECK(bench.borrower.ended);
  lane.stream().close(io::CloseHow::orderly);
  bench.settle();
  CHECK(bench.borrower.closed);
  CHECK_FALSE(bench.pool.empty());
  bench.pool.release(lane);
}

TEST_CASE("a lane that nobody wants closes and goes by itself") {
  Bench bench;
  bench.borrower.lane->abandon(io::CloseHow::orderly);
  bench.settle();
  CHECK(bench.server[0].ended);
  CHECK(bench.pool.empty());
}

TEST_CASE("a borrowed lane can be abandoned too, and its borrower hears no more") {
  Bench bench;
  upstream::Lane& lane = *bench.borrower.lane;
  lane.lend(bench.borrower);
  lane.stream().recv_start();
  lane.abandon(io::CloseHow::abort);
  bench.settle();
  CHECK_FALSE(bench.borrower.closed);
  CHECK(bench.pool.empty());
}

}  // namespace headrace::test
