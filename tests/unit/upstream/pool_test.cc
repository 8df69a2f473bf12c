// Goal: which connection a request gets, and how long idle ones stay. Method: a pool in the
// simulated world and a scripted server.
#include "upstream/pool.h"

#include <doctest/doctest.h>

#include <vector>

#include "sim_stage.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;
using upstream::UpstreamConn;

class Asker final : public upstream::AnswerOwner {
 public:
  void on_answer_head(const http::ResponseHead&, const http::Fields&, base::Bytes) override {}
  void on_answer_body(io::Slice) override {}
  void on_answer_end() override { ended = true; }
  void on_answer_failed(base::Error) override { failed = true; }

  bool ended = false;
  bool failed = false;
};

upstream::Endpoint at(unsigned host) {
  upstream::Endpoint endpoint;
  endpoint.address = sim::SimNet::address(host, 80);
  endpoint.size = sizeof(sockaddr_in);
  return endpoint;
}

struct Bench : SimStage {
  explicit Bench(upstream::PoolOptions options = {}) : pool(io, options) {
    origin.set_endpoints({at(2)});
  }
  ~Bench() {
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  UpstreamConn& take(Asker& asker, bool fresh = false) {
    base::Result<UpstreamConn*> conn = pool.acquire(origin, kSecond, fresh);
    REQUIRE(conn.ok());
    (*conn)->send(asker, {io::Slice::borrowed("ask\n"), {}, {}});
    settle();
    return **conn;
  }
  // Whatever was asked is answered; connection number `i` of the server.
  void answer(std::size_t i) {
    server[i].send("HTTP/1.1 204 X\r\n\r\n");
    settle();
  }
  // `count` connections that idle, number 0 the longest.
  void fill(std::size_t count) {
    std::vector<Asker> askers(count);
    const std::size_t first = server.count();
    for (Asker& asker : askers) take(asker, true);
    for (std::size_t i = 0; i < count; ++i) {
      answer(first + i);
      CHECK(askers[i].ended);
      run_for(kSecond);
    }
  }

  House server{net, sim::SimNet::address(2, 80)};
  upstream::Pool pool;
  upstream::Origin& origin = pool.origin("o");
};

}  // namespace

TEST_CASE("the connection used last is used first") {
  Bench bench;
  bench.fill(3);
  Asker asker;
  bench.take(asker);
  CHECK(bench.server[2].count("ask\n") == 2);
  CHECK(bench.pool.counters().reuses == 1);
  CHECK(bench.pool.counters().connects == 3);
  bench.answer(2);
}

TEST_CASE("a fresh connection is the unused spare that stands behind used ones") {
  Bench bench;
  Asker first;
  bench.take(first);
  CHECK(bench.pool.warm(bench.origin).count() == 1);
  bench.settle();
  bench.answer(0);
  CHECK(bench.pool.counters().idle == 2);
  Asker second;
  UpstreamConn& conn = bench.take(second, true);
  CHECK(bench.server.count() == 2);
  CHECK(bench.server[1].has("ask\n"));
  conn.cancel();
}

TEST_CASE("a fresh connection is never an idle one") {
  Bench bench;
  bench.fill(2);
  Asker asker;
  UpstreamConn& conn = bench.take(asker, true);
  CHECK_FALSE(conn.reused());
  CHECK(bench.server.count() == 3);
  CHECK(bench.pool.counters().idle == 2);
  conn.cancel();
}

TEST_CASE("above the cap the oldest idle connection goes") {
  Bench bench({.idle_per_origin = 2});
  bench.fill(3);
  CHECK(bench.pool.counters().idle == 2);
  CHECK(bench.server[0].ended);
  CHECK_FALSE(bench.server[1].ended);
  CHECK_FALSE(bench.server[2].ended);
}

TEST_CASE("an idle connection is closed when its time is over, and not before") {
  Bench bench({.idle_timeout = 10 * kSecond});
  bench.fill(2);  // idle for 2 s and for 1 s
  bench.run_for(7900 * kMillisecond);
  CHECK_FALSE(bench.server[0].ended);
  bench.run_for(200 * kMillisecond);
  CHECK(bench.server[0].ended);
  CHECK_FALSE(bench.server[1].ended);
  bench.run_for(kSecond);
  CHECK(bench.server[1].ended);
  CHECK(bench.pool.empty());
}

TEST_CASE("use begins the idle time anew") {
  Bench bench({.idle_timeout = 10 * kSecond});
  bench.fill(1);
  bench.run_for(8 * kSecond);
  Asker asker;
  bench.take(asker);
  bench.answer(0);
  bench.run_for(9 * kSecond);
  CHECK_FALSE(bench.server[0].ended);
  bench.run_for(1100 * kMillisecond);
  CHECK(bench.server[0].ended);
}

TEST_CASE("an idle connection that its server closes leaves the pool") {
  Bench bench;
  bench.fill(2);
  SUBCASE("orderly") {
    bench.server[1].close();
  }
  SUBCASE("by a reset") {
    bench.server[1].reset();
  }
  bench.settle();
  CHECK(bench.pool.counters().idle == 1);
  Asker asker;
  bench.take(asker);
  CHECK(bench.server[0].count("ask\n") == 2);
  bench.answer(0);
}

TEST_CASE("connections of one origin never serve another") {
  Bench bench;
  bench.fill(1);
  upstream::Origin& other = bench.pool.origin("other");
  CHECK(&bench.pool.origin("o") == &bench.origin);
  CHECK(&other != &bench.origin);
  CHECK(bench.pool.acquire(other, kSecond, false).error().code == base::Errc::resolve_failed);
}

TEST_CASE("the endpoints of an origin take turns") {
  Bench bench;
  House second(bench.net, sim::SimNet::address(3, 80));
  bench.origin.set_endpoints({at(2), at(3)});
  std::vector<Asker> askers(4);
  std::vector<UpstreamConn*> conns;
  for (Asker& asker : askers) conns.push_back(&bench.take(asker));
  CHECK(bench.server.count() == 2);
  CHECK(second.count() == 2);
  for (UpstreamConn* conn : conns) conn->cancel();
  bench.settle();
}

TEST_CASE("no more connections than the bound, idle ones included") {
  Bench bench({.connections_max = 2});
  Asker first, second;
  UpstreamConn& one = bench.take(first);
  UpstreamConn& two = bench.take(second);
  base::Result<UpstreamConn*> third = bench.pool.acquire(bench.origin, kSecond, false);
  REQUIRE_FALSE(third.ok());
  CHECK(third.error().code == base::Errc::overloaded);
  one.cancel();
  two.cancel();
  bench.settle();
  Asker again;
  bench.take(again).cancel();
}

TEST_CASE("a pool that closes keeps running requests and nothing else") {
  Bench bench;
  bench.fill(2);
  Asker asker;
  bench.take(asker, true);
  bench.pool.close_all();
  bench.settle();
  CHECK(bench.server[0].ended);
  CHECK(bench.server[1].ended);
  CHECK_FALSE(bench.server[2].ended);
  bench.answer(2);
  CHECK(asker.ended);
  CHECK(bench.pool.empty());
  CHECK(bench.server[2].ended);
}

TEST_CASE("the counters say what the connections do") {
  Bench bench;
  Asker asker;
  base::Result<UpstreamConn*> conn = bench.pool.acquire(bench.origin, kSecond, false);
  REQUIRE(conn.ok());
  CHECK(bench.pool.counters().connecting == 1);
  (*conn)->send(asker, {io::Slice::borrowed("ask\n"), {}, {}});
  bench.settle();
  CHECK(bench.pool.counters().connecting == 0);
  CHECK(bench.pool.counters().busy == 1);
  bench.answer(0);
  CHECK(bench.pool.counters().busy == 0);
  CHECK(bench.pool.counters().idle == 1);
}

}  // namespace headrace::test
