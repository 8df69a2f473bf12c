// Goal: calls share a connection without disturbing each other; each learns how its request ended,
// once, and a request that was not processed may be asked again. Method: a pool in the simulated
// world, a server that speaks frames made by hand, owners that write down their events.
#include "upstream/h2_conn.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "h2_frames.h"
#include "sim_stage.h"
#include "upstream/pool.h"

namespace headrace::test {
namespace {

using base::Errc;
using base::kMillisecond;
using base::kSecond;
using base::Retry;
namespace limits = base::limits;

const std::string kHead = "POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\n";

class Asker final : public upstream::AnswerOwner {
 public:
  void on_answer_head(const http::ResponseHead& head,
                      const http::Fields& fields,
                      base::Bytes text) override {
    CHECK(status == 0);
    status = head.status;
    mark = fields.find("x-mark", text);
    if (cancel_at_head) std::exchange(call, nullptr)->cancel();
  }
  void on_answer_body(io::Slice piece) override {
    CHECK(call != nullptr);
    CHECK(status != 0);
    body += piece.view();
  }
  void on_answer_end() override {
    CHECK_FALSE(over());
    ended = true;
    call = nullptr;
  }
  void on_answer_failed(base::Error why) override {
    CHECK_FALSE(over());
    error = why;
    call = nullptr;
  }
  bool over() const { return ended || error.code != Errc::ok; }
  void cancel() { std::exchange(call, nullptr)->cancel(); }

  upstream::Call* call = nullptr;
  std::uint16_t status = 0;
  std::string mark;
  std::string body;
  bool cancel_at_head = false;
  bool ended = false;
  base::Error error;
};

struct Bench : SimStage {
  Bench() {
    upstream::Endpoint endpoint;
    endpoint.address = sim::SimNet::address(2, 80);
    endpoint.size = sizeof(sockaddr_in);
    origin.set_endpoints({endpoint});
    origin.set_protocol(upstream::Protocol::h2);
  }
  ~Bench() {
    for (const auto& asker : askers) {
      if (asker->call != nullptr) asker->cancel();
    }
    pool.close_all();
    CHECK(run_until([this] { return pool.empty(); }));
    CHECK(pool.counters().idle == 0);
    CHECK(pool.counters().busy == 0);
    CHECK(pool.counters().connecting == 0);
  }
  Asker& ask(bool fresh = false, std::string_view body = "body") {
    askers.push_back(std::make_unique<Asker>());
    base::Result<upstream::Call*> call = pool.call(origin, kSecond, fresh);
    REQUIRE(call.ok());
    askers.back()->call = *call;
    (*call)->send(*askers.back(), {io.blocks().copy_of(kHead), io.blocks().copy_of(body), {}});
    return *askers.back();
  }
  std::vector<h2::Frame> heard(std::size_t i = 0) { return h2::frames_of(server[i].heard); }
  void say(const std::string& bytes, std::size_t i = 0) {
    REQUIRE(run_until([&] { return server.count() > i; }));
    server[i].send(bytes);
    settle();
  }
  // The server says hello to what has arrived.
  void greet(std::size_t i = 0, const std::string& settings = h2::settings()) {
    settle();
    say(settings + h2::settings_ack(), i);
  }
  static std::string answer(std::uint32_t id, std::string_view body = "hello") {
    return h2::headers(id, {{":status", "200"}, {"x-mark", "m"}}, false) + h2::data(id, body, true);
  }
  std::size_t resets(std::size_t i = 0) { return h2::count(heard(i), h2::kRstStream); }

  House server{net, sim::SimNet::address(2, 80)};
  upstream::Pool pool{io, {}};
  upstream::Origin& origin = pool.origin("o");
  std::vector<std::unique_ptr<Asker>> askers;
};

}  // namespace

TEST_CASE("requests that wait for one connection leave together, and answers find their askers") {
  Bench bench;
  Asker& first = bench.ask();
  Asker& second = bench.ask();
  CHECK_FALSE(first.call->connected());
  bench.greet();
  CHECK(bench.server.count() == 1);
  CHECK(h2::payload_of(bench.heard(), 1) == "body");
  CHECK(h2::payload_of(bench.heard(), 3) == "body");
  CHECK(first.wire.request_sent != 0);
  bench.say(h2::headers(3, {{":status", "429"}}, true) + Bench::answer(1));
  CHECK(first.ended);
  CHECK(first.status == 200);
  CHECK(first.mark == "m");
  CHECK(first.body == "hello");
  CHECK(second.ended);
  CHECK(second.status == 429);
  CHECK(bench.pool.counters().connects == 1);
  CHECK(bench.pool.counters().idle == 1);
  Asker& third = bench.ask();
  CHECK(third.call->reused());
  CHECK(bench.pool.counters().busy == 1);
  CHECK(bench.pool.counters().reuses == 1);
  bench.say(Bench::answer(5, "again"));
  CHECK(third.body == "again");
}

TEST_CASE("answers arrive the same when every byte comes alone") {
  Bench bench;
  Asker& asker = bench.ask();
  bench.settle();
  for (const char c : h2::settings() + Bench::answer(1)) bench.say({&c, 1});
  CHECK(asker.ended);
  CHECK(asker.body == "hello");
}

TEST_CASE("a head with its body behind it in one slice leaves as head and payload") {
  Bench bench;
  Asker asker;
  base::Result<upstream::Call*> call = bench.pool.call(bench.origin, kSecond, false);
  REQUIRE(call.ok());
  asker.call = *call;
  (*call)->send(asker, {bench.io.blocks().copy_of(kHead + "body"), {}, {}});
  bench.greet();
  CHECK(h2::payload_of(bench.heard(), 1) == "body");
  bench.say(Bench::answer(1));
  CHECK(asker.ended);
}

TEST_CASE("a long request follows the window, and the socket") {
  Bench bench;
  const std::string body(300'000, 'b');
  bench.ask(false, body);
  bench.greet();
  CHECK(h2::payload_of(bench.heard(), 1).size() == 65'535);
  bench.say(h2::window(0, 1'000'000) + h2::window(1, 1'000'000));
  CHECK(bench.run_until([&] { return h2::payload_of(bench.heard(), 1).size() == body.size(); }));
  CHECK(bench.heard().back().ends());
}

TEST_CASE("a cancelled call is a reset in the same turn, and the others go on") {
  Bench bench;
  Asker& first = bench.ask();
  Asker& second = bench.ask();
  bench.greet();
  bench.say(h2::headers(1, {{":status", "200"}}, false) + h2::data(1, "some", false));
  CHECK(first.body == "some");
  first.cancel();
  bench.io.run_once(0);
  bench.io.run_once(0);
  bench.settle();
  REQUIRE(h2::find(bench.heard(), h2::kRstStream, 1) != nullptr);
  CHECK(h2::find(bench.heard(), h2::kRstStream, 1)->word(0) == 8);
  bench.say(h2::data(1, "late", true) + Bench::answer(3));
  CHECK_FALSE(first.over());
  CHECK(second.ended);
  CHECK_FALSE(bench.server[0].ended);
  CHECK(bench.pool.counters().connects == 1);
}

TEST_CASE("a call may be cancelled while it waits, and from inside its own answer") {
  Bench bench;
  Asker& waiting = bench.ask();
  Asker& other = bench.ask();
  waiting.cancel();
  other.cancel_at_head = true;
  bench.greet();
  CHECK(h2::count(bench.heard(), h2::kHeaders) == 1);
  bench.say(Bench::answer(1));
  CHECK(other.status == 200);
  CHECK(other.body.empty());
  CHECK_FALSE(other.over());
  CHECK(bench.resets() == 1);
  CHECK(bench.pool.counters().idle == 1);
}

TEST_CASE("a paused call closes its own window only") {
  Bench bench;
  Asker& first = bench.ask();
  Asker& second = bench.ask();
  bench.greet();
  bench.say(h2::headers(1, {{":status", "200"}}, false) +
            h2::headers(3, {{":status", "200"}}, false));
  first.call->pause();
  CHECK(first.call->paused());
  const std::string piece(16'000, 'x');
  for (int i = 0; i < 7; ++i) bench.say(h2::data(1, piece, false) + h2::data(3, piece, false));
  CHECK(second.body.size() == 7 * piece.size());
  CHECK(h2::find(bench.heard(), h2::kWindowUpdate, 1) == nullptr);
  CHECK(h2::find(bench.heard(), h2::kWindowUpdate, 3) != nullptr);
  first.call->resume();
  bench.settle();
  REQUIRE(h2::find(bench.heard(), h2::kWindowUpdate, 1) != nullptr);
  CHECK(h2::find(bench.heard(), h2::kWindowUpdate, 1)->word(0) == 7 * piece.size());
}

TEST_CASE("what was not processed may be asked again, on a new connection") {
  Bench bench;
  Asker& asker = bench.ask();
  bench.greet();
  SUBCASE("a stream that was refused") {
    bench.say(h2::reset(1, 7));
    CHECK_FALSE(bench.server[0].ended);
  }
  SUBCASE("one above the last of a goaway") {
    bench.say(h2::goaway(0, 0));
    CHECK(bench.server[0].ended);
  }
  CHECK(asker.error.code == Errc::upstream_reset);
  CHECK(asker.error.retry == Retry::same_target);
  Asker& again = bench.ask(true);
  CHECK_FALSE(again.call->reused());
  Asker& too = bench.ask(true);  // shares the connection that is being made
  bench.greet(1);
  CHECK(bench.server.count() == 2);
  bench.say(Bench::answer(1) + Bench::answer(3), 1);
  CHECK(again.ended);
  CHECK(too.ended);
}

TEST_CASE("a request that waits for a stream when the goaway comes goes elsewhere at once") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.ask();  // while nothing is known of the server's bound
  bench.greet(0, h2::settings({{3, 1}}));
  bench.say(h2::goaway(1, 0));
  CHECK_FALSE(bench.askers[0]->over());
  CHECK(bench.askers[1]->error.retry == Retry::same_target);
  CHECK(bench.askers[2]->error.retry == Retry::same_target);
}

TEST_CASE("after a goaway what runs runs on, and the next call goes elsewhere") {
  Bench bench;
  Asker& first = bench.ask();
  bench.greet();
  bench.say(h2::goaway(1, 0));
  CHECK_FALSE(first.over());
  Asker& second = bench.ask();
  bench.greet(1);
  bench.say(Bench::answer(1));
  CHECK(first.ended);
  CHECK(bench.server[0].ended);
  bench.say(Bench::answer(1, "second"), 1);
  CHECK(second.body == "second");
}

TEST_CASE("a reset, a malformed answer, or the end of the connection fails what it concerns") {
  Bench bench;
  Asker& first = bench.ask();
  Asker& second = bench.ask();
  bench.greet();
  bench.say(h2::headers(3, {{":status", "200"}}, false));
  SUBCASE("a reset") {
    bench.say(h2::reset(1, 2));
    CHECK(first.error == base::upstream_error(Errc::upstream_reset));
    CHECK_FALSE(second.over());
  }
  SUBCASE("an answer longer than it said") {
    bench.say(h2::headers(1, {{":status", "200"}, {"content-length", "1"}}, false) +
              h2::data(1, "two", true));
    CHECK(first.error == base::upstream_error(Errc::upstream_protocol));
    CHECK_FALSE(second.over());
    CHECK(bench.resets() == 1);
  }
  SUBCASE("an end") {
    bench.server[0].close();
    bench.settle();
    // A connection that was new for them proves nothing: the next target is asked.
    CHECK(first.error == base::upstream_error(Errc::upstream_closed));
    CHECK(second.error == base::upstream_error(Errc::upstream_closed));
    CHECK(bench.pool.empty());
  }
  SUBCASE("nonsense") {
    bench.say("HTTP/1.1 500 Oops\r\n\r\n");
    CHECK(first.error.code == Errc::upstream_protocol);
    CHECK(second.error.code == Errc::upstream_protocol);
    CHECK(bench.pool.empty());
  }
}

TEST_CASE("on a connection that was there before, an unanswered request may be asked again") {
  Bench bench;
  bench.ask();
  bench.greet();
  bench.say(Bench::answer(1));
  Asker& unanswered = bench.ask();
  Asker& answered = bench.ask();
  bench.say(h2::headers(5, {{":status", "200"}}, false));
  bench.server[0].reset();
  bench.settle();
  CHECK(unanswered.error.retry == Retry::same_target);
  CHECK(answered.error.retry == Retry::next_target);
}

TEST_CASE("a connection that does not come about fails all who waited for it") {
  Bench bench;
  SUBCASE("refused") {
    upstream::Endpoint nobody;
    nobody.address = sim::SimNet::address(3, 80);
    nobody.size = sizeof(sockaddr_in);
    bench.origin.set_endpoints({nobody, nobody});
    Asker& first = bench.ask();
    Asker& second = bench.ask();
    bench.settle();
    CHECK(first.error.code == Errc::connect_failed);
    CHECK(second.error.code == Errc::connect_failed);
    CHECK(first.error.retry == Retry::next_target);
  }
  SUBCASE("the second address answers") {
    upstream::Endpoint nobody;
    nobody.address = sim::SimNet::address(3, 80);
    nobody.size = sizeof(sockaddr_in);
    upstream::Endpoint somebody = bench.origin.endpoints()[0];
    bench.origin.set_endpoints({nobody, somebody});
    Asker& asker = bench.ask();
    bench.greet();
    bench.say(Bench::answer(1));
    CHECK(asker.ended);
  }
}

TEST_CASE("the server's bound on streams is kept with more connections") {
  Bench bench;
  bench.ask();
  bench.greet(0, h2::settings({{3, 2}}));
  bench.ask();
  CHECK(bench.pool.counters().connects == 1);
  Asker& third = bench.ask();
  CHECK(bench.pool.counters().connects == 2);
  bench.greet(1);
  bench.say(Bench::answer(1), 1);
  CHECK(third.ended);
}

TEST_CASE("a new connection assumes the bound of the last one") {
  Bench bench;
  bench.ask();
  bench.greet(0, h2::settings({{3, 2}}));
  for (int i = 0; i < 4; ++i) bench.ask();
  bench.settle();
  CHECK(bench.pool.counters().connects == 3);
  CHECK(h2::count(bench.heard(0), h2::kHeaders) == 2);
  CHECK(h2::count(bench.heard(1), h2::kHeaders) == 2);
  CHECK(h2::count(bench.heard(2), h2::kHeaders) == 1);
}

TEST_CASE("silence is answered by a ping, and a ping that is not answered is the end") {
  Bench bench;
  bench.ask();
  bench.greet();
  bench.say(Bench::answer(1));
  Asker& waiting = bench.ask();
  bench.run_for(limits::kH2PingEvery + 100 * kMillisecond);
  CHECK(h2::count(bench.heard(), h2::kPing) == 1);
  SUBCASE("answered") {
    bench.say(h2::ping(true));
    bench.run_for(limits::kH2PingTimeout + kSecond);
    CHECK_FALSE(waiting.over());
    bench.run_for(limits::kH2PingEvery);
    CHECK(h2::count(bench.heard(), h2::kPing) == 2);
    bench.say(h2::ping(true));
  }
  SUBCASE("not answered") {
    bench.run_for(limits::kH2PingTimeout + 100 * kMillisecond);
    CHECK(waiting.error.code == Errc::upstream_reset);
    CHECK(waiting.error.retry == Retry::same_target);
    CHECK(bench.pool.empty());
  }
}

TEST_CASE(
    "cancels are counted: a successor is dialled before a server minds, and then takes over") {
  Bench bench;
  bench.ask();
  bench.greet();
  bench.say(Bench::answer(1));
  Asker* last = nullptr;
  const auto cancel_some = [&](std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      last = &bench.ask();
      bench.settle();
      last->cancel();
    }
    bench.settle();
  };
  cancel_some(limits::kH2Successor - 1);
  CHECK(bench.server.count() == 1);
  Asker& running = bench.ask();
  bench.settle();
  cancel_some(1);
  CHECK(bench.server.count() == 2);
  CHECK(bench.resets(0) == limits::kH2Successor);
  CHECK_FALSE(running.over());
  bench.greet(1);
  // What it may still bear it bears: each handshake serves so many cancels.
  cancel_some(limits::kH2Cancels - limits::kH2Successor);
  CHECK(bench.resets(0) == limits::kH2Cancels);
  CHECK(bench.server.count() == 2);
  Asker& next = bench.ask();
  bench.settle();
  bench.say(Bench::answer(1), 1);
  CHECK(next.ended);
  CHECK_FALSE(bench.server[0].ended);
  // The last call of the old one takes it along.
  const auto frames = bench.heard(0);
  std::uint32_t id = 0;
  for (const h2::Frame& frame : frames) {
    if (frame.type == h2::kHeaders && h2::find(frames, h2::kRstStream, frame.id) == nullptr)
      id = frame.id;
  }
  bench.say(Bench::answer(id), 0);
  CHECK(running.ended);
  CHECK(bench.server[0].ended);
}

TEST_CASE("an idle connection ends after its time, an old one is replaced") {
  Bench bench;
  bench.ask();
  bench.greet();
  bench.say(Bench::answer(1));
  const auto wait = [&](base::Nanos time) {  // the server answers pings
    std::size_t answered = h2::count(bench.heard(), h2::kPing);
    for (base::Nanos waited = 0; waited < time; waited += kSecond) {
      bench.run_for(kSecond);
      const std::size_t pings = h2::count(bench.heard(), h2::kPing);
      for (; answered < pings; ++answered) bench.server[0].send(h2::ping(true));
    }
  };
  SUBCASE("idle") {
    wait(limits::kH2IdleTimeout - 2 * kSecond);
    CHECK(bench.pool.counters().idle == 1);
    wait(3 * kSecond);
    CHECK(bench.pool.empty());
  }
  SUBCASE("old") {
    bench.ask();
    wait(limits::kH2AgeMost - kSecond);
    CHECK(bench.server.count() == 1);
    wait(3 * kSecond);
    CHECK(bench.server.count() == 2);
    bench.ask();
    bench.settle();
    CHECK(h2::count(bench.heard(1), h2::kHeaders) == 1);
  }
}

TEST_CASE("the pool closes what nobody uses, and the rest with its last call") {
  Bench bench;
  Asker& asker = bench.ask();
  bench.greet();
  bench.pool.close_all();
  bench.settle();
  CHECK_FALSE(bench.pool.empty());
  bench.say(Bench::answer(1));
  CHECK(asker.ended);
  CHECK(bench.pool.empty());
}

}  // namespace headrace::test
