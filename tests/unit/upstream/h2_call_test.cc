// Goal: a server that is left the choice between HTTP/2 and HTTP/1.1 gets what it chose, and nobody
// who waited for its choice notices. Method: a pool in the simulated world, servers over TLS with
// ALPN of their own.
#include "upstream/h2_call.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "h2_frames.h"
#include "tls_inn.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::Errc;
using base::kSecond;
using headrace_test::CertificateHouse;
using headrace_test::CertificatePlan;
using upstream::Protocol;

class Asker final : public upstream::AnswerOwner {
 public:
  void on_answer_head(const http::ResponseHead& head, const http::Fields&, base::Bytes) override {
    status = head.status;
  }
  void on_answer_body(io::Slice piece) override { body += piece.view(); }
  void on_answer_end() override {
    ended = true;
    call = nullptr;
  }
  void on_answer_failed(base::Error why) override {
    error = why;
    call = nullptr;
  }
  bool over() const { return ended || error.code != Errc::ok; }

  upstream::Call* call = nullptr;
  int status = 0;
  std::string body;
  bool ended = false;
  base::Error error;
};

struct Papers {
  Papers() {
    house.write("good", CertificatePlan{});
    both = net::test::make_client(house, {.host = "good.test", .protocols = {"h2", "http/1.1"}});
    only_h2 = net::test::make_client(house, {.host = "good.test", .protocols = {"h2"}});
  }
  std::shared_ptr<const net::TlsServer> server(std::vector<std::string> protocols) {
    return net::test::make_server(house, {"good"}, {.protocols = std::move(protocols)});
  }
  CertificateHouse house;
  std::shared_ptr<const net::TlsClient> both;
  std::shared_ptr<const net::TlsClient> only_h2;
};

Papers& papers() {
  static Papers made;
  return made;
}

struct Bench : SimStage {
  explicit Bench(std::vector<std::string> protocols)
      : server(net, 2, papers().server(std::move(protocols))) {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 443);
    endpoint.size = sizeof(sockaddr_in);
    origin.set_endpoints({endpoint});
    origin.set_tls(papers().both);
    origin.set_protocol(Protocol::either);
  }
  ~Bench() {
    for (const auto& asker : askers) {
      if (asker->call != nullptr) std::exchange(asker->call, nullptr)->cancel();
    }
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
    CHECK(pool.counters().connecting + pool.counters().idle + pool.counters().busy == 0);
  }
  Asker& ask(bool fresh = false) {
    askers.push_back(std::make_unique<Asker>());
    base::Result<upstream::Call*> call = pool.call(origin, 2 * kSecond, fresh);
    REQUIRE(call.ok());
    askers.back()->call = *call;
    (*call)->send(*askers.back(),
                  {io.blocks().copy_of("POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\n"),
                   io.blocks().copy_of("body"),
                   {}});
    return *askers.back();
  }
  bool hears(std::size_t i, std::string_view what) {
    return run_until([&] {
      return server.guests.size() > i && server[i].heard.find(what) != std::string::npos;
    });
  }
  void answer1(std::size_t i, std::string_view body) {
    REQUIRE(hears(i, "body"));
    server[i].heard.clear();
    server[i].say("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
                  std::string(body));
    settle();
  }

  Inn server;
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("o");
  std::vector<std::unique_ptr<Asker>> askers;
};

}  // namespace

TEST_CASE("a server that chooses HTTP/2 is spoken to in it, as https") {
  Bench bench({"h2", "http/1.1"});
  Asker& asker = bench.ask();
  REQUIRE(bench.hears(0, "body"));
  const auto frames = h2::frames_of(bench.server[0].heard);
  const auto head = std::find_if(frames.begin(), frames.end(), [](const h2::Frame& frame) {
    return frame.is(h2::kHeaders, 1);
  });
  REQUIRE(head != frames.end());
  CHECK(head->payload.find('\x87') != std::string::npos);  // :scheme https, as HPACK numbers it
  bench.server[0].say(h2::settings() + h2::headers(1, {{":status", "200"}}, false) +
                      h2::data(1, "hello", true));
  bench.settle();
  CHECK(asker.ended);
  CHECK(asker.body == "hello");
  CHECK(asker.wire.tls_began != 0);
  CHECK(bench.origin.protocol() == Protocol::h2);
  CHECK(bench.pool.counters().tls_full == 1);
  CHECK(bench.pool.counters().connects == 1);
}

TEST_CASE("calls that wait while the server chooses HTTP/1.1 are served over it") {
  for (const std::vector<std::string>& chosen :
       {std::vector<std::string>{"http/1.1"}, std::vector<std::string>{}}) {
    Bench bench(chosen);
    Asker& first = bench.ask();
    Asker& second = bench.ask();
    bench.answer1(0, "one");
    bench.answer1(1, "two");
    CHECK(first.ended);
    CHECK(first.body == "one");
    CHECK(first.wire.request_sent != 0);
    CHECK(second.ended);
    CHECK(second.body == "two");
    CHECK(bench.origin.protocol() == Protocol::http1);
    CHECK(bench.pool.counters().connects == 2);
    Asker& third = bench.ask();
    bench.answer1(1, "three");
    CHECK(third.body == "three");
    CHECK(bench.pool.counters().connects == 2);
  }
}

TEST_CASE("a call that was handed on is cancelled, paused and failed like any other") {
  Bench bench({"http/1.1"});
  Asker& asker = bench.ask();
  REQUIRE(bench.hears(0, "body"));
  SUBCASE("cancelled") {
    std::exchange(asker.call, nullptr)->cancel();
    bench.settle();
    CHECK_FALSE(asker.over());
    CHECK(asker.wire.connected != 0);
    CHECK(bench.pool.empty());
  }
  SUBCASE("paused") {
    asker.call->pause();
    CHECK(asker.call->paused());
    bench.server[0].say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n");
    asker.call->resume();
    bench.server[0].say("x");
    bench.settle();
    CHECK(asker.ended);
  }
  SUBCASE("failed") {
    bench.server[0].reset();
    bench.settle();
    CHECK(asker.error.code == Errc::upstream_reset);
    CHECK(asker.error.retry == base::Retry::next_target);
  }
}

TEST_CASE("a call that was cancelled before the server chose leaves nothing behind") {
  Bench bench({"http/1.1"});
  std::exchange(bench.ask().call, nullptr)->cancel();
  bench.settle();
  CHECK(bench.origin.protocol() == Protocol::http1);
  CHECK(bench.pool.counters().idle == 1);
}

TEST_CASE("a server that changes its mind serves whoever comes") {
  Bench bench({"http/1.1"});
  bench.ask();
  bench.answer1(0, "one");
  CHECK(bench.origin.protocol() == Protocol::http1);
  bench.server.terms = papers().server({"h2"});
  Asker& surprised = bench.ask(true);
  REQUIRE(bench.run_until([&] { return surprised.over(); }));
  CHECK(surprised.error.retry == base::Retry::same_target);
  CHECK(bench.origin.protocol() == Protocol::h2);
  Asker& again = bench.ask(true);
  REQUIRE(bench.hears(1, "body"));
  bench.server[1].say(h2::settings() + h2::headers(1, {{":status", "204"}}, true));
  bench.settle();
  CHECK(again.ended);
  CHECK(bench.pool.counters().connects == 2);

  bench.server.terms = papers().server({"http/1.1"});
  bench.server[1].reset();
  bench.settle();
  Asker& back = bench.ask();
  bench.answer1(2, "back");
  CHECK(back.body == "back");
}

TEST_CASE("who demands HTTP/2 speaks nothing else") {
  Bench bench({"http/1.1"});
  bench.origin.set_tls(papers().only_h2);
  bench.origin.set_protocol(Protocol::h2);
  Asker& asker = bench.ask();
  CHECK(bench.run_until([&] { return asker.over(); }));
  CHECK(asker.error.code == Errc::tls_failed);
  CHECK(bench.pool.counters().tls_failed == 1);
  bench.settle();
  CHECK(bench.server[0].heard.empty());
}

TEST_CASE("a cancel over TLS is a reset of the stream in the same turn") {
  Bench bench({"h2"});
  Asker& asker = bench.ask();
  REQUIRE(bench.hears(0, "body"));
  bench.server[0].say(h2::settings());
  bench.settle();
  bench.server[0].heard.clear();
  std::exchange(asker.call, nullptr)->cancel();
  bench.io.run_once(0);
  bench.settle();
  CHECK(h2::count(h2::frames_of(bench.server[0].heard), h2::kRstStream) == 1);
  CHECK(bench.pool.counters().idle == 1);
}

TEST_CASE("an HTTP/2 connection that ends without close_notify fails its calls") {
  Bench bench({"h2"});
  Asker& asker = bench.ask();
  REQUIRE(bench.hears(0, "body"));
  bench.server[0].close();
  bench.settle();
  CHECK(asker.error.code == Errc::upstream_reset);
  CHECK(bench.pool.empty());
}

}  // namespace headrace::test
