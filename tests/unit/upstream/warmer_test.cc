// Goal: a request finds a connection that is ready, through takings, deaths and old age; and an
// origin that is down is asked now and then, never in a storm. Method: a pool in the simulated
// world whose time is cheap, servers of both protocols.
#include "upstream/warmer.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "h2_frames.h"
#include "sim_stage.h"
#include "tls_inn.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;
using upstream::Protocol;
namespace limits = base::limits;

class Asker final : public upstream::AnswerOwner {
 public:
  void on_answer_head(const http::ResponseHead&, const http::Fields&, base::Bytes) override {}
  void on_answer_body(io::Slice) override {}
  void on_answer_end() override { ended = true; }
  void on_answer_failed(base::Error why) override { error = why; }

  bool ended = false;
  base::Error error;
};

constexpr base::Bytes kHead = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";

struct Bench : SimStage {
  explicit Bench(Protocol protocol, std::size_t warm_min = 1) {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 80);
    endpoint.size = sizeof(sockaddr_in);
    origin.set_endpoints({endpoint});
    origin.set_protocol(protocol);
    origin.set_warm_min(warm_min);
    pool.keep_warm();
    settle();
    run_for(5 * kMillisecond);
  }
  ~Bench() {
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
    CHECK(pool.counters().connecting + pool.counters().idle + pool.counters().busy == 0);
  }
  upstream::Call& ask(Asker& asker, bool fresh = false) {
    base::Result<upstream::Call*> call = pool.call(origin, kSecond, fresh);
    REQUIRE(call.ok());
    (*call)->send(asker, {io.blocks().copy_of(kHead), {}, {}});
    return **call;
  }
  // Servers of HTTP/2 greet and answer PINGs; `i` and those after it do not.
  void serve_h2(base::Nanos time, std::size_t silent_from = 100) {
    const base::Nanos end = net.now() + time;
    while (net.now() < end) {
      run_for(std::min<base::Nanos>(kSecond, end - net.now()));
      for (std::size_t i = 0; i < std::min(server.count(), silent_from); ++i) {
        const std::string text = server[i].fresh();
        if (text.starts_with(h2::kPreface)) server[i].send(h2::settings());
        for (const h2::Frame& frame : h2::frames_of(text)) {
          if (frame.type == h2::kPing && frame.flags == 0) {
            server[i].send(h2::frame(h2::kPing, h2::kAck, 0, frame.payload));
          }
        }
      }
    }
  }

  House server{net, sim::SimNet::address(2, 80)};
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("o");
};

}  // namespace

TEST_CASE("spare connections are there before anybody asks, and nobody waits for one") {
  for (const Protocol protocol : {Protocol::http1, Protocol::h2}) {
    Bench bench(protocol, 2);
    CHECK(bench.server.count() == 2);
    CHECK(bench.pool.counters().idle == 2);
    Asker asker;
    upstream::Call& call = bench.ask(asker);
    CHECK(call.reused());
    CHECK(bench.pool.counters().waits == 0);
    call.cancel();
  }
}

TEST_CASE("without a claim nothing is dialled") {
  Bench bench(Protocol::http1, 0);
  bench.run_for(10 * kSecond);
  CHECK(bench.server.count() == 0);
}

TEST_CASE(
    "a spare that was taken is replaced while the request runs, so a cancelled turn costs none") {
  Bench bench(Protocol::http1);
  for (int turn = 0; turn < 10; ++turn) {
    Asker asker;
    upstream::Call& call = bench.ask(asker);
    CHECK(call.reused());
    bench.run_for(100 * kMillisecond);
    call.cancel();
  }
  CHECK(bench.pool.counters().waits == 0);
  CHECK(bench.pool.counters().connects == 11);
}

TEST_CASE("a request that finds only a spare that is being made joins it") {
  Bench bench(Protocol::http1);
  Asker first, second;
  upstream::Call& one = bench.ask(first);
  bench.run_until([&] { return bench.pool.counters().connecting == 1; });
  upstream::Call& two = bench.ask(second);
  CHECK_FALSE(two.reused());
  CHECK(bench.pool.counters().connects == 2);
  bench.settle();
  one.cancel();
  two.cancel();
  bench.settle();
}

TEST_CASE("a spare that its server ends is replaced in the background") {
  for (const Protocol protocol : {Protocol::http1, Protocol::h2}) {
    Bench bench(protocol);
    bench.run_for(2 * kSecond);
    bench.server[0].close();
    bench.run_for(10 * kMillisecond);
    CHECK(bench.server.count() == 2);
    CHECK(bench.pool.counters().idle == 1);
  }
}

TEST_CASE("ten idle minutes later a request still finds a connection, however the server is") {
  SUBCASE("HTTP/1.1, idle time unknown") {
    Bench bench(Protocol::http1);
    bench.run_for(600 * kSecond);
    CHECK(bench.pool.counters().idle >= 1);
    CHECK(bench.pool.counters().connects <= 600 / 50 + 1);
  }
  SUBCASE("HTTP/2") {
    Bench bench(Protocol::h2);
    bench.serve_h2(600 * kSecond);
    CHECK(bench.pool.counters().connects == 1);
    CHECK(bench.pool.counters().idle == 1);
  }
}

TEST_CASE("a server's idle time is learned, and the successor comes before the end") {
  Bench bench(Protocol::http1);
  std::size_t without = 0;
  std::vector<base::Nanos> since;
  for (int step = 0; step < 1200; ++step) {
    bench.run_for(100 * kMillisecond);
    since.resize(bench.server.count(), bench.net.now());
    // The server ends what idles for 10 s.
    for (std::size_t i = 0; i < bench.server.count(); ++i) {
      if (!bench.server[i].ended && bench.net.now() - since[i] >= 10 * kSecond)
        bench.server[i].close();
    }
    bench.settle();
    if (bench.pool.counters().idle == 0) ++without;
  }
  CHECK(without <= 2);  // when it was learned, and confirmed
  CHECK(bench.origin.idle_span().safe() < 10 * kSecond);
  CHECK(bench.pool.counters().idle <= 2);
}

TEST_CASE("a connection of HTTP/2 that died without a word is replaced before anybody uses it") {
  Bench bench(Protocol::h2);
  bench.serve_h2(5 * kSecond);
  bench.serve_h2(40 * kSecond, 0);
  CHECK(bench.server.count() >= 2);
}

TEST_CASE("a request on a connection that died without a word goes elsewhere within seconds") {
  Bench bench(Protocol::h2);
  bench.serve_h2(15 * kSecond);
  Asker asker;
  bench.ask(asker);
  bench.run_for(limits::kProbeTimeout + 100 * kMillisecond);
  CHECK(asker.error.retry == base::Retry::same_target);
  CHECK(bench.server.count() == 2);
}

TEST_CASE("a connection that answers the PING keeps its request, however long the answer takes") {
  Bench bench(Protocol::h2);
  bench.serve_h2(15 * kSecond);
  Asker asker;
  upstream::Call& call = bench.ask(asker);
  bench.serve_h2(60 * kSecond);
  CHECK(asker.error.code == base::Errc::ok);
  CHECK(bench.server.count() == 1);
  call.cancel();
}

TEST_CASE("GOAWAY: the successor is there at once, and the next time it comes before") {
  Bench bench(Protocol::h2);
  bench.serve_h2(100 * kSecond);
  bench.server[0].send(h2::goaway(0, 0));
  bench.serve_h2(kSecond);
  CHECK(bench.server.count() == 2);
  CHECK(bench.pool.counters().goaways == 1);
  CHECK(bench.pool.counters().idle == 1);
  bench.serve_h2(89 * kSecond);
  CHECK(bench.server.count() == 2);
  bench.serve_h2(5 * kSecond);
  CHECK(bench.server.count() == 3);
  CHECK(bench.server[1].ended);
  CHECK_FALSE(bench.server[2].ended);
}

TEST_CASE("an origin that is down is dialled with waits that double, and found when it is back") {
  Bench bench(Protocol::http1, 3);
  using Mode = sim::SimListenerPeer::Mode;
  bench.run_for(2 * kSecond);
  bench.server.set_mode(Mode::refuses);
  for (std::size_t i = 0; i < 3; ++i) bench.server[i].reset();
  const std::uint64_t before = bench.pool.counters().connects;
  const std::uint64_t turns = bench.io.counters().turns;
  bench.run_for(60 * kSecond);
  CHECK(bench.pool.counters().connects - before <= 40);
  CHECK(bench.io.counters().turns - turns < 60 * 110);
  bench.server.set_mode(Mode::answers);
  bench.run_for(31 * kSecond);
  CHECK(bench.pool.counters().idle == 3);
}

TEST_CASE("a server that takes connections and ends them at once gets no storm of them") {
  for (const Protocol protocol : {Protocol::http1, Protocol::h2}) {
    Bench bench(protocol);
    for (int step = 0; step < 600; ++step) {
      for (std::size_t i = 0; i < bench.server.count(); ++i) {
        if (!bench.server[i].ended) bench.server[i].close();
      }
      bench.run_for(100 * kMillisecond);
    }
    CHECK(bench.server.count() <= 20);
  }
}

TEST_CASE("spares that were begun before the first told what is spoken are not made twice") {
  headrace_test::CertificateHouse house;
  house.write("good", headrace_test::CertificatePlan{});
  SimStage stage;
  Inn inn(stage.net, 2, net::test::make_server(house, {"good"}, {.protocols = {"http/1.1"}}));
  inn.deaf_from = 1;
  upstream::Pool pool(stage.io, {});
  upstream::Origin& origin = pool.origin("o");
  upstream::Endpoint endpoint;
  endpoint.address = sim::SimNet::address(2, 443);
  endpoint.size = sizeof(sockaddr_in);
  origin.set_endpoints({endpoint});
  origin.set_tls(
      net::test::make_client(house, {.host = "good.test", .protocols = {"h2", "http/1.1"}}));
  origin.set_protocol(Protocol::either);
  origin.set_warm_min(3);
  pool.keep_warm();
  REQUIRE(stage.run_until([&] { return pool.counters().idle == 1; }));
  CHECK(origin.protocol() == Protocol::http1);
  for (std::size_t i = 1; i < 3; ++i) {
    stage.run_for(300 * kMillisecond);
    inn[i].set_reading(true);
    inn[i].read_some(100'000);
    stage.run_for(100 * kMillisecond);
    CHECK(pool.counters().idle == i + 1);
  }
  stage.run_for(5 * kSecond);
  CHECK(inn.guests.size() == 3);
  CHECK(pool.counters().connects == 3);
  pool.close_all();
  CHECK(stage.run_until([&] { return pool.empty(); }));
}

TEST_CASE("whoever is not kept warm can be warmed for the next request") {
  Bench bench(Protocol::http1, 0);
  CHECK(bench.pool.warm(bench.origin).connecting == 1);
  CHECK(bench.pool.warm(bench.origin).connecting == 1);
  bench.settle();
  CHECK(bench.pool.warm(bench.origin).ready == 1);
  CHECK(bench.pool.counters().connects == 1);
  Asker asker;
  upstream::Call& call = bench.ask(asker);
  CHECK(call.reused());
  call.cancel();
}

}  // namespace headrace::test
