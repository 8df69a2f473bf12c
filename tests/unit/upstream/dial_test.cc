// Goal: a connection comes about over the first address that answers, however the others behave,
// and within its time or not at all. Method: a dial in the simulated world, addresses that refuse,
// that swallow everything, that answer.
#include "upstream/dial.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "sim_stage.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::Errc;
using base::kMillisecond;
using base::kSecond;
using Mode = sim::SimListenerPeer::Mode;

upstream::Endpoint at(unsigned host) {
  upstream::Endpoint endpoint;
  endpoint.address = sim::SimNet::address(host, 80);
  endpoint.size = sizeof(sockaddr_in);
  return endpoint;
}

struct Bench final : SimStage, upstream::DialOwner {
  ~Bench() {
    if (won != nullptr) won->abandon(io::CloseHow::orderly);
    dial.stop();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  void on_dialled(upstream::Lane& lane) override {
    CHECK(won == nullptr);
    won = &lane;
    at_time = net.now();
  }
  void on_dial_failed(base::Error why) override {
    CHECK(won == nullptr);
    error = why;
    at_time = net.now();
  }
  bool over() const { return won != nullptr || error.code != Errc::ok; }
  base::Nanos run() {
    const base::Nanos start = net.now();
    REQUIRE(dial.start(io.now() + 2 * kSecond).ok());
    REQUIRE(run_until([this] { return over(); }));
    return at_time - start;
  }

  House good{net, sim::SimNet::address(2, 80)};
  House hole{net, sim::SimNet::address(4, 80)};
  House other_hole{net, sim::SimNet::address(5, 80)};
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("o");
  upstream::Dial dial{io, pool, origin, *this};
  upstream::Lane* won = nullptr;
  base::Error error;
  base::Nanos at_time = 0;
};

}  // namespace

TEST_CASE("an address that does not answer is overtaken by the next after the stagger") {
  Bench bench;
  bench.hole.set_mode(Mode::black_hole);
  bench.other_hole.set_mode(Mode::black_hole);
  bench.origin.set_endpoints({at(4), at(5), at(2)});
  const base::Nanos took = bench.run();
  REQUIRE(bench.won != nullptr);
  CHECK(bench.won->endpoint() == 2);
  CHECK(took >= 2 * base::limits::kDialStagger);
  CHECK(took < 2 * base::limits::kDialStagger + 50 * kMillisecond);
}

TEST_CASE("an address that refuses gives way at once, and comes last the next time") {
  Bench bench;
  bench.origin.set_endpoints({at(9), at(2)});
  CHECK(bench.run() < 50 * kMillisecond);
  REQUIRE(bench.won != nullptr);
  CHECK(bench.origin.endpoints()[0].failed);
  CHECK_FALSE(bench.origin.endpoints()[1].failed);
  bench.origin.next_turn();  // so that the dead one would be first again
  upstream::Dial second(bench.io, bench.pool, bench.origin, bench);
  std::exchange(bench.won, nullptr)->abandon(io::CloseHow::orderly);
  REQUIRE(second.start(bench.io.now() + kSecond).ok());
  REQUIRE(bench.run_until([&] { return bench.over(); }));
  CHECK(bench.won->endpoint() == 1);
  CHECK(bench.good.count() == 2);
}

TEST_CASE("an address of a family that the host does not speak gives way at once") {
  upstream::Endpoint foreign = at(3);
  foreign.address.ss_family = AF_INET6;
  Bench bench;
  SUBCASE("to one that answers") {
    bench.origin.set_endpoints({foreign, foreign, at(2)});
    CHECK(bench.run() < 50 * kMillisecond);
    REQUIRE(bench.won != nullptr);
    CHECK(bench.won->endpoint() == 2);
    CHECK(bench.origin.endpoints()[0].failed);
  }
  SUBCASE("behind one that refuses, too") {
    bench.origin.set_endpoints({at(9), foreign, at(2)});
    CHECK(bench.run() < 50 * kMillisecond);
    REQUIRE(bench.won != nullptr);
    CHECK(bench.won->endpoint() == 2);
  }
  SUBCASE("and where there is no other, that is why the connection failed") {
    bench.origin.set_endpoints({foreign});
    const base::Status status = bench.dial.start(bench.io.now() + kSecond);
    CHECK(status.error().code == Errc::connect_failed);
    CHECK(status.error().blame == base::Blame::upstream);
    CHECK(status.error().os_errno == EAFNOSUPPORT);
  }
}

TEST_CASE("where nobody answers the dial ends with the last refusal, or at its deadline") {
  Bench bench;
  SUBCASE("refused") {
    bench.origin.set_endpoints({at(8), at(9)});
    CHECK(bench.run() < 50 * kMillisecond);
    CHECK(bench.error.code == Errc::connect_failed);
    CHECK(bench.error.os_errno == ECONNREFUSED);
  }
  SUBCASE("silence") {
    bench.hole.set_mode(Mode::black_hole);
    bench.origin.set_endpoints({at(4), at(9)});
    const base::Nanos took = bench.run();
    CHECK(took >= 2 * kSecond);
    CHECK(took < 2 * kSecond + 50 * kMillisecond);
    CHECK(bench.error.code == Errc::connect_timeout);
    CHECK(bench.origin.endpoints()[0].failed);
  }
}

TEST_CASE("a dial that somebody else waits for has that one's patience") {
  Bench bench;
  bench.hole.set_mode(Mode::black_hole);
  bench.origin.set_endpoints({at(4)});
  const base::Nanos start = bench.net.now();
  REQUIRE(bench.dial.start(bench.io.now() + 2 * kSecond).ok());
  bench.run_for(kSecond);
  bench.dial.move_deadline(bench.io.now() + 4 * kSecond);
  REQUIRE(bench.run_until([&] { return bench.over(); }));
  CHECK(bench.error.code == Errc::connect_timeout);
  CHECK(bench.at_time - start >= 5 * kSecond);
  CHECK(bench.at_time - start < 5 * kSecond + 50 * kMillisecond);
}

TEST_CASE("a dial that is stopped leaves nothing and says nothing") {
  Bench bench;
  bench.hole.set_mode(Mode::black_hole);
  bench.origin.set_endpoints({at(4), at(2)});
  REQUIRE(bench.dial.start(bench.io.now() + kSecond).ok());
  bench.run_for(10 * kMillisecond);
  bench.dial.stop();
  bench.run_for(kSecond);
  CHECK_FALSE(bench.over());
  CHECK(bench.pool.empty());
}

}  // namespace headrace::test
