// Goal: one answer is taken apart right, however it is cut, and a connection is used again only
// when its answer left nothing doubtful. Method: a pool in the simulated world, a scripted server,
// an owner that writes down its events.
#include "upstream/upstream_conn.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim_stage.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::Errc;
using base::kMillisecond;
using base::kSecond;
using upstream::UpstreamConn;

class Asker final : public upstream::AnswerOwner {
 public:
  void on_answer_head(const http::ResponseHead& head,
                      const http::Fields& fields,
                      base::Bytes text) override {
    CHECK(status == 0);
    status = head.status;
    mark = fields.find("x-mark", text);
  }
  void on_answer_body(io::Slice piece) override {
    CHECK(status != 0);
    CHECK_FALSE(over());
    CHECK_FALSE(piece.empty());
    body += piece.view();
    if (keep_pieces) pieces.push_back(std::move(piece));
  }
  void on_answer_end() override {
    CHECK_FALSE(over());
    ended = true;
  }
  void on_answer_failed(base::Error why) override {
    CHECK_FALSE(over());
    error = why;
  }
  bool over() const { return ended || error.code != Errc::ok; }

  std::uint16_t status = 0;
  std::string mark;
  std::string body;
  std::vector<io::Slice> pieces;
  bool keep_pieces = false;
  bool ended = false;
  base::Error error;
};

struct Bench : SimStage {
  Bench() {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 80);
    endpoint.size = sizeof(sockaddr_in);
    origin.set_endpoints({endpoint});
  }
  ~Bench() {
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
  }
  UpstreamConn& ask(Asker& asker) {
    base::Result<UpstreamConn*> conn = pool.acquire(origin, kSecond, false);
    REQUIRE(conn.ok());
    (*conn)->send(asker, {io::Slice::borrowed("ask\n"), {}, {}});
    return **conn;
  }
  // The server answers the request number `n` of its connection `i`.
  void answer(std::string_view bytes, std::size_t i = 0, std::size_t n = 1) {
    REQUIRE(run_until([&] { return server.count() > i && server[i].count("ask\n") == n; }));
    server[i].send(bytes);
    settle();
  }

  House server{net, sim::SimNet::address(2, 80)};
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("o");
};

const std::string kAnswer = "HTTP/1.1 200 OK\r\nx-mark: m\r\ncontent-length: 5\r\n\r\nhello";

}  // namespace

TEST_CASE("an answer arrives the same wherever it is cut in two") {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nx-mark: m\r\ntransfer-encoding: "
      "chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\na: b\r\n\r\n";
  for (const std::string& answer : {kAnswer, chunked, "HTTP/1.1 100 Continue\r\n\r\n" + kAnswer}) {
    for (std::size_t cut = 0; cut <= answer.size(); ++cut) {
      CAPTURE(cut);
      Bench bench;
      Asker asker;
      bench.ask(asker);
      bench.answer(answer.substr(0, cut));
      CHECK(asker.ended == (cut == answer.size()));
      bench.answer(answer.substr(cut));
      CHECK(asker.ended);
      CHECK(asker.status == 200);
      CHECK(asker.mark == "m");
      CHECK(asker.body == "hello");
      CHECK(bench.pool.counters().idle == 1);
    }
  }
}

TEST_CASE("an answer arrives the same when every byte comes alone") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  for (const char c : kAnswer) bench.answer({&c, 1});
  CHECK(asker.ended);
  CHECK(asker.mark == "m");
  CHECK(asker.body == "hello");
}

TEST_CASE("interim answers are passed over, within reason") {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
  std::string many;
  for (std::size_t i = 0; i < base::limits::kInterimAnswers; ++i) many += interim;
  Bench bench;
  Asker asker;
  bench.ask(asker);
  SUBCASE("as many as the limit") {
    bench.answer(many + kAnswer);
    CHECK(asker.ended);
    CHECK(asker.body == "hello");
  }
  SUBCASE("one more fails") {
    bench.answer(many + interim + kAnswer);
    CHECK(asker.error.code == Errc::upstream_protocol);
    CHECK(asker.status == 0);
  }
}

TEST_CASE("what is no answer to our request fails it and retires the connection") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  SUBCASE("an upgrade") {
    bench.answer("HTTP/1.1 101 X\r\nupgrade: x\r\n\r\n");
  }
  SUBCASE("no HTTP") {
    bench.answer("SSH-2.0-x\r\n");
  }
  SUBCASE("two lengths") {
    bench.answer("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx");
  }
  SUBCASE("a length and chunks") {
    bench.answer(
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
  }
  SUBCASE("a head without end") {
    bench.answer("HTTP/1.1 200 OK\r\nx: " +
                 std::string(base::limits::kAnswerHeadBytes + 8192, 'x'));
  }
  CHECK(asker.error.code == Errc::upstream_protocol);
  CHECK(asker.error.retry == base::Retry::next_target);
  CHECK(bench.pool.empty());
  CHECK(bench.server[0].ended);
}

TEST_CASE("a chunk that is no chunk fails the answer behind what was right of it") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  bench.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\nx\r\n");
  CHECK(asker.body == "hel");
  CHECK(asker.error.code == Errc::upstream_protocol);
}

TEST_CASE("stray bytes behind an answer retire the connection, not the answer") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  SUBCASE("with it") {
    bench.answer(kAnswer + "stray");
  }
  SUBCASE("later") {
    bench.answer(kAnswer);
    CHECK(bench.pool.counters().idle == 1);
    bench.answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
  }
  CHECK(asker.ended);
  CHECK(asker.body == "hello");
  CHECK(bench.pool.empty());
  Asker next;
  bench.ask(next);
  bench.answer(kAnswer, 1);
  CHECK(next.body == "hello");
}

TEST_CASE("an answer that asks to close, or that closing ends, does so") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  SUBCASE("by its field") {
    bench.answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");
  }
  SUBCASE("by its version") {
    bench.answer("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  }
  SUBCASE("by its framing") {
    bench.answer("HTTP/1.1 200 OK\r\n\r\nhello");
    CHECK_FALSE(asker.ended);
    bench.server[0].close();
    bench.settle();
  }
  CHECK(asker.ended);
  CHECK(asker.body == "hello");
  CHECK(bench.pool.empty());
}

TEST_CASE("an answer cut short is no answer") {
  Bench bench;
  Asker asker;
  bench.ask(asker);
  SUBCASE("below its length") {
    bench.answer(kAnswer.substr(0, kAnswer.size() - 1));
  }
  SUBCASE("between chunks") {
    bench.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n");
  }
  SUBCASE("in its head") {
    bench.answer("HTTP/1.1 200");
  }
  bench.server[0].close();
  bench.settle();
  CHECK(asker.error.code == Errc::upstream_closed);
  CHECK(asker.error.retry == base::Retry::next_target);
}

TEST_CASE("only a reused connection that dies without a byte says same_target") {
  Bench bench;
  Asker first;
  bench.ask(first);
  SUBCASE("a fresh one does not") {
    bench.answer("");
    bench.server[0].close();
    bench.settle();
    CHECK(first.error.code == Errc::upstream_closed);
    CHECK(first.error.retry == base::Retry::next_target);
  }
  SUBCASE("a reused one does") {
    bench.answer(kAnswer);
    Asker second;
    CHECK(bench.ask(second).reused());
    bench.answer("", 0, 2);
    bool reset = false;
    SUBCASE("closed") {}
    SUBCASE("reset") {
      reset = true;
    }
    if (reset) {
      bench.server[0].reset();
    } else {
      bench.server[0].close();
    }
    bench.settle();
    CHECK(second.error.code == (reset ? Errc::upstream_reset : Errc::upstream_closed));
    CHECK(second.error.retry == base::Retry::same_target);
  }
  SUBCASE("not with a byte of the answer") {
    bench.answer(kAnswer);
    Asker second;
    bench.ask(second);
    bench.answer("H", 0, 2);
    bench.server[0].close();
    bench.settle();
    CHECK(second.error.retry == base::Retry::next_target);
  }
}

TEST_CASE("the bytes around a piece are free for framing that makes a burst one run") {
  Bench bench;
  Asker asker;
  asker.keep_pieces = true;
  bench.ask(asker);
  bench.answer(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: "
      "chunked\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n00005\r\nthird\r\n0\r\n\r\n");
  REQUIRE(asker.pieces.size() == 3);
  CHECK(asker.pieces[0].headroom() >= 200);  // where the head was, and the margin of the buffer
  for (std::size_t i = 0; i + 1 < asker.pieces.size(); ++i) {
    const io::Slice& piece = asker.pieces[i];
    const io::Slice& next = asker.pieces[i + 1];
    CHECK(piece.tailroom() == 2);
    CHECK(piece.data() + piece.size() + 2 == next.data() - next.headroom());
    CHECK(next.headroom() == (i == 0 ? 3 : 7));
  }
  CHECK(asker.pieces[2].tailroom() >= 2);
  asker.pieces.clear();
}

TEST_CASE("no two pieces of one buffer share a free byte") {
  const std::string body = "5\r\nfirst\r\n1\r\nx\r\n00a\r\n0123456789\r\n0\r\n\r\n";
  const std::string answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body;
  for (std::size_t cut = answer.size() - body.size(); cut <= answer.size(); ++cut) {
    Bench bench;
    Asker asker;
    asker.keep_pieces = true;
    bench.ask(asker);
    bench.answer(answer.substr(0, cut));
    bench.answer(answer.substr(cut));
    CHECK(asker.body == "firstx0123456789");
    for (std::size_t i = 0; i + 1 < asker.pieces.size(); ++i) {
      const io::Slice& piece = asker.pieces[i];
      const io::Slice& next = asker.pieces[i + 1];
      if (piece.buffer() != next.buffer()) continue;
      CHECK(piece.data() + piece.size() + piece.tailroom() <= next.data() - next.headroom());
    }
    asker.pieces.clear();
  }
}

TEST_CASE("a cancelled request closes its connection in this turn, and no event follows") {
  Bench bench;
  Asker asker;
  UpstreamConn& conn = bench.ask(asker);
  std::string sofar;
  SUBCASE("while connecting") {}
  SUBCASE("while waiting") {
    bench.answer("");
  }
  SUBCASE("in the body") {
    bench.answer(kAnswer.substr(0, kAnswer.size() - 2));
  }
  conn.cancel();
  bench.settle();
  CHECK(bench.pool.empty());
  CHECK_FALSE(asker.over());
  if (bench.server.count() != 0) CHECK(bench.server[0].ended);
}

TEST_CASE("a connection that does not come about tries the next address within its time") {
  Bench bench;
  upstream::Endpoint dead = bench.origin.endpoints()[0];
  dead.address = sim::SimNet::address(3, 80);
  const upstream::Endpoint alive = bench.origin.endpoints()[0];
  Asker asker;
  SUBCASE("and one may answer") {
    bench.origin.set_endpoints({dead, alive});
    bench.ask(asker);
    bench.answer(kAnswer);
    CHECK(asker.ended);
  }
  SUBCASE("or none") {
    bench.origin.set_endpoints({dead, dead});
    bench.ask(asker);
    bench.settle();
    CHECK(asker.error.code == Errc::connect_failed);
    CHECK(asker.error.os_errno == ECONNREFUSED);
    CHECK(bench.pool.empty());
  }
  SUBCASE("or cancelled in between") {
    bench.origin.set_endpoints({dead, alive});
    UpstreamConn& conn = bench.ask(asker);
    bench.io.run_once(kMillisecond);
    conn.cancel();
    bench.settle();
    CHECK(bench.pool.empty());
  }
}

TEST_CASE("a connect that is not answered ends at its deadline") {
  Bench bench;
  bench.server.set_mode(sim::SimListenerPeer::Mode::black_hole);
  Asker asker;
  bench.ask(asker);
  bench.run_for(kSecond - 10 * kMillisecond);
  CHECK_FALSE(asker.over());
  bench.run_for(20 * kMillisecond);
  CHECK(asker.error.code == Errc::connect_timeout);
  CHECK(asker.wire.connected == 0);
}

TEST_CASE(
    "a paused connection delivers no more than its overshoot, and all of it after the pause") {
  Bench bench;
  Asker asker;
  UpstreamConn& conn = bench.ask(asker);
  bench.answer("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
  conn.pause();
  bench.server[0].send(std::string(1'000'000, 'x'));
  bench.settle();
  CHECK(asker.body.size() <= io::Socket::kOvershootBytes);
  conn.resume();
  CHECK(bench.run_until([&] { return asker.ended; }));
  CHECK(asker.body.size() == 1'000'000);
}

TEST_CASE("a connection whose answer came before its request was sent is not used again") {
  Bench bench;
  const std::string huge(3'000'000, 'x');
  Asker asker;
  base::Result<UpstreamConn*> conn = bench.pool.acquire(bench.origin, kSecond, false);
  REQUIRE(conn.ok());
  (*conn)->send(asker, {io::Slice::borrowed("ask\n"), io::Slice::borrowed(huge), {}});
  REQUIRE(bench.run_until([&] { return bench.server.count() == 1; }));
  bench.server[0].set_reading(false);
  bench.run_for(10 * kMillisecond);
  bench.server[0].send("HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n");
  bench.settle();
  CHECK(asker.ended);
  CHECK(asker.status == 413);
  CHECK(bench.pool.counters().idle == 0);
  CHECK(bench.pool.empty());
}

}  // namespace headrace::test
