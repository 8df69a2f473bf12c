// Goal: which connection a call gets where HTTP/2 is spoken. Method: a pool in the simulated world
// and a server that only listens.
#include "upstream/h2_pool.h"

#include <doctest/doctest.h>

#include <vector>

#include "h2_frames.h"
#include "sim_stage.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::kSecond;

class Asker final : public upstream::AnswerOwner {
 public:
  void on_answer_head(const http::ResponseHead&, const http::Fields&, base::Bytes) override {}
  void on_answer_body(io::Slice) override {}
  void on_answer_end() override { ended = true; }
  void on_answer_failed(base::Error why) override { error = why; }

  bool ended = false;
  base::Error error;
};

struct Bench : SimStage {
  explicit Bench(upstream::PoolOptions options = {}) : pool(io, options) {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 80);
    endpoint.size = sizeof(sockaddr_in);
    origin.set_endpoints({endpoint});
    origin.set_protocol(upstream::Protocol::h2);
  }
  ~Bench() {
    for (upstream::Call* call : calls) call->cancel();
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  base::Result<upstream::Call*> take(bool fresh = false) {
    base::Result<upstream::Call*> call = pool.call(origin, kSecond, fresh);
    if (call) {
      constexpr base::Bytes kHead = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
      (*call)->send(asker, {io.blocks().copy_of(kHead), {}, {}});
      calls.push_back(*call);
    }
    return call;
  }

  House server{net, sim::SimNet::address(2, 80)};
  upstream::Pool pool;
  upstream::Origin& origin = pool.origin("o");
  Asker asker;
  std::vector<upstream::Call*> calls;
};

}  // namespace

TEST_CASE("an origin of HTTP/1.1 gets connections of its own") {
  Bench bench;
  bench.origin.set_protocol(upstream::Protocol::http1);
  REQUIRE(bench.take().ok());
  bench.settle();
  CHECK(bench.server[0].has("GET / HTTP/1.1\r\n"));
}

TEST_CASE("a connection is filled before the next is dialled, also while it connects") {
  Bench bench;
  for (std::size_t i = 0; i < base::limits::kH2UpstreamStreams; ++i) REQUIRE(bench.take().ok());
  CHECK(bench.pool.counters().connects == 1);
  CHECK(bench.pool.counters().connecting == 1);
  REQUIRE(bench.take().ok());
  CHECK(bench.pool.counters().connects == 2);
  bench.settle();
  CHECK(bench.pool.counters().busy == 2);
  CHECK(h2::count(h2::frames_of(bench.server[0].heard), h2::kHeaders) ==
        base::limits::kH2UpstreamStreams);
}

TEST_CASE("a fresh call shares a connection that is being made, never one that was there") {
  Bench bench;
  REQUIRE(bench.take().ok());
  bench.settle();
  CHECK(bench.pool.counters().connects == 1);
  REQUIRE(bench.take(true).ok());
  REQUIRE(bench.take(true).ok());
  CHECK(bench.pool.counters().connects == 2);
  CHECK(bench.pool.counters().reuses == 0);
  REQUIRE(bench.take().ok());
  CHECK(bench.pool.counters().reuses == 1);
}

TEST_CASE("a fresh call goes on one that has just said something, but not where one was refused") {
  Bench bench;
  REQUIRE(bench.take().ok());
  bench.settle();
  bench.server[0].send(h2::settings());
  bench.settle();
  REQUIRE(bench.take(true).ok());
  CHECK(bench.pool.counters().connects == 1);
  bench.run_for(base::limits::kFreshFor);
  REQUIRE(bench.take(true).ok());  // silence proves nothing
  CHECK(bench.pool.counters().connects == 2);
  bench.settle();
}

TEST_CASE("a call that was refused is not asked again on the connection that refused it") {
  constexpr std::uint32_t kRefused = 7;
  Bench bench;
  REQUIRE(bench.take().ok());
  bench.settle();
  bench.server[0].send(h2::settings() + h2::reset(1, kRefused));
  REQUIRE(bench.run_until([&] { return bench.asker.error.code != base::Errc::ok; }));
  bench.calls.clear();
  REQUIRE(bench.take(true).ok());
  CHECK(bench.pool.counters().connects == 2);
  bench.settle();
}

TEST_CASE("whoever joins a connection that still connects waits as long as he asked to, not less") {
  Bench bench;
  bench.server.set_mode(sim::SimListenerPeer::Mode::black_hole);
  Asker hasty;
  Asker patient;
  const auto ask = [&](Asker& asker, base::Nanos patience) {
    base::Result<upstream::Call*> call = bench.pool.call(bench.origin, patience, false);
    REQUIRE(call.ok());
    (*call)->send(asker, {bench.io.blocks().copy_of("GET / HTTP/1.1\r\nhost: h\r\n\r\n"), {}, {}});
  };
  SUBCASE("the hasty one first") {
    ask(hasty, kSecond / 10);
    ask(patient, kSecond);
  }
  SUBCASE("the patient one first") {
    ask(patient, kSecond);
    ask(hasty, kSecond / 10);
  }
  CHECK(bench.pool.counters().connects == 1);
  bench.run_for(kSecond / 5);
  CHECK(hasty.error.code == base::Errc::connect_timeout);
  CHECK(patient.error.code == base::Errc::ok);
  bench.run_for(kSecond);
  CHECK(patient.error.code == base::Errc::connect_timeout);
}

TEST_CASE("no address is an error, one connection too many too") {
  Bench bench({.connections_max = 1});
  for (std::size_t i = 0; i < base::limits::kH2UpstreamStreams; ++i) REQUIRE(bench.take().ok());
  CHECK(bench.take().error().code == base::Errc::overloaded);
  upstream::Origin& other = bench.pool.origin("other");
  other.set_protocol(upstream::Protocol::h2);
  CHECK(bench.pool.call(other, kSecond, false).error().code == base::Errc::resolve_failed);
}

}  // namespace headrace::test
