// Goal: by way of a proxy a connection is one like any other once the proxy has let it through, and
// whatever else the proxy does ends the try, in time, for everybody who waits. Method: a pool in
// the simulated world; the proxy and the server behind it are one scripted peer.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tls_inn.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::Errc;
using base::kMillisecond;
using base::kSecond;
using headrace_test::CertificateHouse;
using headrace_test::CertificatePlan;
using upstream::UpstreamConn;

class Asker final : public upstream::AnswerOwner {
 public:
  void on_answer_head(const http::ResponseHead& head, const http::Fields&, base::Bytes) override {
    status = head.status;
  }
  void on_answer_body(io::Slice piece) override { body += piece.view(); }
  void on_answer_end() override { ended = true; }
  void on_answer_failed(base::Error why) override { error = why; }
  bool over() const { return ended || error.code != Errc::ok; }

  int status = 0;
  std::string body;
  bool ended = false;
  base::Error error;
};

struct Papers {
  Papers() {
    house.write("good", CertificatePlan{});
    client = net::test::make_client(house);
    good = net::test::make_server(house, {"good"});
  }
  CertificateHouse house;
  std::shared_ptr<const net::TlsClient> client;
  std::shared_ptr<const net::TlsServer> good;
};

Papers& papers() {
  static Papers made;
  return made;
}

upstream::Endpoint at(unsigned host) {
  upstream::Endpoint endpoint;
  endpoint.address = sim::SimNet::address(host, 443);
  endpoint.size = sizeof(sockaddr_in);
  return endpoint;
}

std::shared_ptr<const upstream::Egress> by_proxy(bool tunnels) {
  return std::make_shared<upstream::Egress>(upstream::EgressOptions{.proxy = "proxy.corp:443",
                                                                    .target = "good.test:443",
                                                                    .credentials = "joe:secret",
                                                                    .tunnels = tunnels});
}

struct Stage : SimStage {
  ~Stage() {
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  UpstreamConn& ask(Asker& asker, bool fresh = false) {
    base::Result<UpstreamConn*> conn = pool.acquire(origin, 2 * kSecond, fresh);
    REQUIRE(conn.ok());
    (*conn)->send(asker, {io::Slice::borrowed(kHead), io::Slice::borrowed("body"), io::Slice{}});
    return **conn;
  }

  static constexpr std::string_view kHead = "POST /v1/x HTTP/1.1\r\nhost: good.test\r\n\r\n";
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("https://good.test:443 by proxy");
};

// Over TLS, by a proxy that lets everybody through unless a test says otherwise.
struct Bench : Stage {
  Bench() {
    server.proxy_says = "HTTP/1.1 200 Go on\r\n\r\n";
    origin.set_endpoints({at(2)});
    origin.set_tls(papers().client);
    origin.set_egress(by_proxy(true));
  }
  void answer(std::string_view text, std::size_t i = 0) {
    REQUIRE(
        run_until([&] { return server.guests.size() > i && server[i].heard.ends_with("body"); }));
    server[i].heard.clear();
    server[i].say(text);
    settle();
  }
  base::Error fail(base::Nanos& took) {
    Asker asker;
    const base::Nanos start = net.now();
    ask(asker);
    CHECK(run_until([&] { return asker.over(); }, 10 * kSecond));
    took = net.now() - start;
    CHECK(asker.error.blame == base::Blame::upstream);
    CHECK(asker.error.retry == base::Retry::next_target);
    return asker.error;
  }

  Inn server{net, 2, papers().good};
};

const std::string kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

}  // namespace

TEST_CASE("a proxy is asked once for a connection, and TLS runs through it to the server") {
  Bench bench;
  for (int i = 0; i < 3; ++i) {
    Asker asker;
    bench.ask(asker);
    bench.answer(kAnswer);
    CHECK(asker.ended);
    CHECK(asker.body == "hello");
  }
  REQUIRE(bench.server.guests.size() == 1);
  CHECK(bench.server[0].asked ==
        "CONNECT good.test:443 HTTP/1.1\r\nHost: good.test:443\r\n"
        "Proxy-Authorization: Basic am9lOnNlY3JldA==\r\n\r\n");
  CHECK(bench.pool.counters().tls_full == 1);
  CHECK(bench.pool.counters().idle == 1);
}

TEST_CASE("the second connection through a proxy resumes the first") {
  Bench bench;
  for (std::size_t i = 0; i < 3; ++i) {
    Asker asker;
    bench.ask(asker, true);
    bench.answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", i);
    CHECK(asker.ended);
  }
  CHECK(bench.pool.counters().tls_resumed == 2);
}

TEST_CASE("a spare is made through the proxy, and the request that takes it waits for nothing") {
  Bench bench;
  bench.origin.set_warm_min(1);
  bench.pool.keep_warm();
  REQUIRE(bench.run_until([&] { return bench.pool.counters().idle == 1; }));
  CHECK(bench.server[0].asked.starts_with("CONNECT "));
  bench.settle();  // one that came about in this turn is as good as new
  Asker asker;
  CHECK(bench.ask(asker).reused());
  bench.answer(kAnswer);
  CHECK(asker.ended);
  CHECK(bench.pool.counters().waits == 0);
}

TEST_CASE("a proxy that does not let us through fails the try, and no other address is asked") {
  for (const std::string_view says : {"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n",
                                      "HTTP/1.1 403 No\r\n\r\n",
                                      "HTTP/1.1 503 Later\r\n\r\n",
                                      "SSH-2.0-OpenSSH\r\n\r\n",
                                      "HTTP/1.1 200 OK\r\n\r\n\x15\x03\x01"}) {
    CAPTURE(says);
    Bench bench;
    Inn second(bench.net, 3, papers().good);
    bench.server.proxy_says = says;
    bench.origin.set_endpoints({at(2), at(3)});
    base::Nanos took = 0;
    CHECK(bench.fail(took).code == Errc::proxy_failed);
    CHECK(took < 50 * kMillisecond);
    CHECK(second.guests.empty());
    CHECK(bench.server[0].heard.empty());
    CHECK(bench.pool.counters().tls_failed == 0);
  }
}

TEST_CASE("a proxy that hangs up on the question fails the try at once") {
  for (const bool resets : {false, true}) {
    Bench bench;
    bench.server.silent = true;
    Asker asker;
    bench.ask(asker);
    REQUIRE(bench.run_until([&] { return bench.server.guests.size() == 1; }));
    bench.settle();
    resets ? bench.server[0].reset() : bench.server[0].close();
    CHECK(bench.run_until([&] { return asker.over(); }));
    CHECK(asker.error.code == Errc::proxy_failed);
    CHECK(asker.error.retry == base::Retry::next_target);
  }
}

TEST_CASE(
    "a proxy that is silent, or behind which nobody shakes hands, costs the connect timeout") {
  Bench bench;
  SUBCASE("silent") {
    bench.server.silent = true;
  }
  SUBCASE("cut in the middle of its answer") {
    bench.server.proxy_says = "HTTP/1.1 200 OK\r\n";
  }
  SUBCASE("then silent") {
    Asker asker;
    bench.ask(asker);
    REQUIRE(bench.run_until(
        [&] { return bench.server.guests.size() == 1 && bench.server[0].proxy_says.empty(); }));
    bench.server[0].silent = true;
    CHECK(bench.run_until([&] { return asker.over(); }, 10 * kSecond));
    CHECK(asker.error.code == Errc::connect_timeout);
    CHECK(bench.pool.counters().tls_failed == 1);
    return;
  }
  base::Nanos took = 0;
  CHECK(bench.fail(took).code == Errc::connect_timeout);
  CHECK(took >= 2 * kSecond);
  CHECK(took < 2 * kSecond + 100 * kMillisecond);
  CHECK(bench.pool.counters().tls_failed == 0);
}

TEST_CASE("a proxy's addresses are tried as a provider's are") {
  Bench bench;
  SUBCASE("one refuses") {
    bench.origin.set_endpoints({at(9), at(2)});
    Asker asker;
    bench.ask(asker);
    bench.answer(kAnswer);
    CHECK(asker.ended);
    CHECK(bench.origin.endpoints()[0].failed);
  }
  SUBCASE("one swallows everything") {
    Inn hole(bench.net, 4, papers().good);
    hole.set_mode(sim::SimListenerPeer::Mode::black_hole);
    bench.origin.set_endpoints({at(4), at(2)});
    Asker asker;
    const base::Nanos start = bench.net.now();
    bench.ask(asker);
    bench.answer(kAnswer);
    CHECK(asker.ended);
    CHECK(bench.net.now() - start < 2 * base::limits::kDialStagger);
  }
  SUBCASE("all refuse") {
    bench.origin.set_endpoints({at(8), at(9)});
    base::Nanos took = 0;
    CHECK(bench.fail(took).code == Errc::connect_failed);
  }
  SUBCASE("one that thinks about it is not overtaken") {
    Inn second(bench.net, 3, papers().good);
    bench.server.silent = true;
    bench.origin.set_endpoints({at(2), at(3)});
    base::Nanos took = 0;
    CHECK(bench.fail(took).code == Errc::connect_timeout);
    CHECK(second.guests.empty());
  }
}

TEST_CASE("a request that is cancelled while the proxy thinks leaves nothing") {
  Bench bench;
  bench.server.silent = true;
  Asker asker;
  UpstreamConn& conn = bench.ask(asker);
  REQUIRE(bench.run_until([&] { return bench.server.guests.size() == 1; }));
  bench.settle();
  conn.cancel();
  CHECK(bench.run_until([&] { return bench.pool.empty(); }));
  CHECK_FALSE(asker.over());
}

TEST_CASE("a tunnel without TLS inside carries plain bytes") {
  Stage bench;
  House server{bench.net, sim::SimNet::address(2, 443)};
  bench.origin.set_endpoints({at(2)});
  bench.origin.set_egress(by_proxy(true));
  Asker asker;
  bench.ask(asker);
  REQUIRE(bench.run_until([&] { return server.count() == 1 && server[0].has("\r\n\r\n"); }));
  CHECK_FALSE(server[0].has("POST"));
  server[0].send("HTTP/1.1 200 OK\r\n\r\n");
  REQUIRE(bench.run_until([&] { return server[0].has("body"); }));
  server[0].send(kAnswer);
  bench.settle();
  CHECK(asker.body == "hello");
}

TEST_CASE("over plain HTTP/1.1 the proxy is asked for the answer, on a connection that is kept") {
  Stage bench;
  House proxy{bench.net, sim::SimNet::address(2, 443)};
  bench.origin.set_endpoints({at(2)});
  bench.origin.set_egress(by_proxy(false));
  const std::string asked =
      "POST http://good.test:443/v1/x HTTP/1.1\r\nProxy-Authorization: Basic am9lOnNlY3JldA==\r\n"
      "host: good.test\r\n\r\nbody";
  for (int i = 0; i < 2; ++i) {
    Asker asker;
    bench.ask(asker);
    REQUIRE(bench.run_until([&] { return proxy.count() == 1 && proxy[0].has("body"); }));
    CHECK(std::exchange(proxy[0].heard, {}) == asked);
    proxy[0].send(kAnswer);
    bench.settle();
    CHECK(asker.body == "hello");
  }
  Asker refused;
  bench.ask(refused);
  REQUIRE(bench.run_until([&] { return proxy[0].has("body"); }));
  proxy[0].send("HTTP/1.1 407 Who are you\r\ncontent-length: 2\r\n\r\nno");
  bench.settle();
  CHECK(refused.error.code == Errc::proxy_failed);
  CHECK(refused.error.retry == base::Retry::next_target);
  CHECK(refused.status == 0);
  CHECK(proxy[0].ended);
}

}  // namespace headrace::test
