// Goal: a connection over TLS is one like any other to whoever asks over it; what is not to be
// trusted gets no request, and what TLS knows of an end is heard. Method: a pool in the simulated
// world; the server's end is an engine of its own behind a scripted peer.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

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
  void on_answer_body(io::Slice piece) override {
    least_headroom = std::min(least_headroom, piece.headroom());
    least_tailroom = std::min(least_tailroom, piece.tailroom());
    body += piece.view();
  }
  void on_answer_end() override { ended = true; }
  void on_answer_failed(base::Error why) override { error = why; }
  bool over() const { return ended || error.code != Errc::ok; }

  int status = 0;
  std::string body;
  std::size_t least_headroom = 1000;
  std::size_t least_tailroom = 1000;
  bool ended = false;
  base::Error error;
};

struct Papers {
  Papers() {
    house.write("good", CertificatePlan{});
    house.write("expired", {.begins = -7200, .ends = -3600});
    client = net::test::make_client(house);
    good = net::test::make_server(house, {"good"});
    expired = net::test::make_server(house, {"expired"});
  }
  CertificateHouse house;
  std::shared_ptr<const net::TlsClient> client;
  std::shared_ptr<const net::TlsServer> good;
  std::shared_ptr<const net::TlsServer> expired;
};

Papers& papers() {
  static Papers made;
  return made;
}

struct Bench : SimStage {
  explicit Bench(std::shared_ptr<const net::TlsServer> terms = papers().good)
      : server(net, 2, std::move(terms)) {
    origin.set_endpoints({at(2)});
    origin.set_tls(papers().client);
  }
  ~Bench() {
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  static upstream::Endpoint at(unsigned host) {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(host, 443);
    endpoint.size = sizeof(sockaddr_in);
    return endpoint;
  }
  UpstreamConn& ask(Asker& asker, bool fresh = false) {
    base::Result<UpstreamConn*> conn = pool.acquire(origin, 2 * kSecond, fresh);
    REQUIRE(conn.ok());
    (*conn)->send(asker, {io::Slice::borrowed("ask\n"), io::Slice::borrowed("body"), {}});
    return **conn;
  }
  void answer(std::string_view text, std::size_t i = 0) {
    REQUIRE(run_until([&] { return server.guests.size() > i && server[i].heard.size() >= 8; }));
    server[i].heard.clear();
    server[i].say(text);
    settle();
  }

  Inn server;
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("https://good.test:443 terms");
};

const std::string kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

}  // namespace

TEST_CASE("an answer over TLS arrives, and the connection is used again") {
  Bench bench;
  for (int i = 0; i < 3; ++i) {
    Asker asker;
    bench.ask(asker);
    CHECK_FALSE(asker.over());
    bench.answer(kAnswer);
    CHECK(asker.ended);
    CHECK(asker.body == "hello");
    CHECK(asker.wire.connected != 0);
    CHECK((asker.wire.tls_began != 0) == (i == 0));
  }
  CHECK(bench.server.guests.size() == 1);
  CHECK(bench.pool.counters().tls_full == 1);
  CHECK(bench.pool.counters().idle == 1);
}

TEST_CASE("an answer over TLS arrives however its plaintext is cut into records") {
  for (std::size_t cut = 1; cut < kAnswer.size(); ++cut) {
    CAPTURE(cut);
    Bench bench;
    Asker asker;
    bench.ask(asker);
    bench.answer(kAnswer.substr(0, cut));
    bench.server[0].say(kAnswer.substr(cut));
    bench.settle();
    CHECK(asker.ended);
    CHECK(asker.body == "hello");
  }
}

TEST_CASE("a chunk over TLS has the room around it in which the relay frames") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  bench.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n");
  CHECK(asker.body == "data: x\n\n");
  bench.server[0].say("9\r\ndata: y\n\n\r\n");
  bench.settle();
  CHECK(asker.body == "data: x\n\ndata: y\n\n");
  CHECK(asker.least_headroom >= 3);
  CHECK(asker.least_tailroom >= 2);
  bench.server[0].say("0\r\n\r\n");
  bench.settle();
  CHECK(asker.ended);
}

TEST_CASE("a second connection to an origin resumes, though another address refused before") {
  Bench bench;
  bench.origin.set_endpoints({Bench::at(9), Bench::at(2)});
  for (int i = 0; i < 4; ++i) {
    Asker asker;
    bench.ask(asker, true);
    bench.answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                 static_cast<std::size_t>(i));
    CHECK(asker.ended);
  }
  CHECK(bench.pool.counters().tls_full == 1);
  CHECK(bench.pool.counters().tls_resumed == 3);
}

TEST_CASE("a server that is not to be trusted gets no request, and no other address is tried") {
  Bench bench(papers().expired);
  Inn second(bench.net, 3, papers().expired);
  bench.origin.set_endpoints({Bench::at(2), Bench::at(3)});
  Asker asker;
  bench.ask(asker);
  CHECK(bench.run_until([&] { return asker.over(); }));
  CHECK(asker.error.code == Errc::tls_untrusted);
  CHECK(asker.error.blame == base::Blame::upstream);
  CHECK(asker.error.retry == base::Retry::next_target);
  CHECK(bench.run_until([&] { return bench.server[0].failed; }));
  CHECK(bench.server[0].heard.empty());
  CHECK(second.guests.empty());
  CHECK(bench.pool.counters().tls_failed == 1);
  CHECK(bench.pool.counters().tls_full == 0);
}

TEST_CASE("an address that refuses the connection gives way to the next, over TLS too") {
  Bench bench;
  bench.origin.set_endpoints({Bench::at(9), Bench::at(2)});
  Asker asker;
  bench.ask(asker);
  bench.answer(kAnswer);
  CHECK(asker.ended);
}

TEST_CASE("a server that never shakes hands is given up at the connect timeout") {
  Bench bench;
  bench.server.silent = true;
  Asker asker;
  const base::Nanos start = bench.net.now();
  bench.ask(asker);
  CHECK(bench.run_until([&] { return asker.over(); }, 10 * kSecond));
  CHECK(asker.error.code == Errc::connect_timeout);
  CHECK(bench.net.now() - start < 3 * kSecond);
  CHECK(bench.pool.counters().tls_failed == 1);
}

TEST_CASE("a body that ends with the connection is whole only where TLS says so") {
  const std::string answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello";
  SUBCASE("it does") {
    Bench bench;
    Asker asker;
    bench.ask(asker);
    bench.answer(answer);
    bench.server[0].engine.end();
    bench.server[0].flush();
    bench.settle();
    CHECK(asker.ended);
    CHECK(asker.body == "hello");
  }
  SUBCASE("it does not") {
    Bench bench;
    Asker asker;
    bench.ask(asker);
    bench.answer(answer);
    bench.server[0].close();
    bench.settle();
    CHECK(asker.error.code == Errc::tls_truncated);
    CHECK(asker.error.retry == base::Retry::next_target);
  }
}

TEST_CASE(
    "a kept connection that just ends is stale: the request may go again to the same target") {
  Bench bench;
  Asker first;
  bench.ask(first);
  bench.answer(kAnswer);
  Asker second;
  bench.ask(second);
  REQUIRE(bench.run_until([&] { return bench.server[0].heard.size() == 8; }));
  bench.server[0].close();
  CHECK(bench.run_until([&] { return second.over(); }));
  CHECK(second.error.retry == base::Retry::same_target);
}

TEST_CASE("a record that somebody touched fails the answer") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  bench.answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel");
  bench.server[0].send(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  bench.settle();
  CHECK(asker.error.code == Errc::tls_failed);
  CHECK(asker.body == "hel");
}

}  // namespace headrace::test
