// Goal: what every Io does with bytes before a kernel sees them: joining, copying, dropping.
// Method: the simulator in a perfect world; the queue is looked at between turns.
#include "io/io.h"

#include <doctest/doctest.h>

#include "io_stage.h"

namespace headrace::io::test {
namespace {

// A receive buffer's slice, as the relay gets it.
Slice leased(ReceivePool& pool, std::string_view bytes) {
  Buffer* buffer = pool.take();
  REQUIRE(buffer != nullptr);
  bytes.copy(pool.landing(*buffer), bytes.size());
  return pool.received(*buffer, bytes.size());
}

std::unique_ptr<Stage> plain() {
  return Stage::make(Kind::sim, {}, 1);
}

}  // namespace

TEST_CASE("slices that touch leave as one") {
  const auto stage = plain();
  Pair pair(*stage);
  Slice whole = leased(stage->pool(Side::client), "two events");
  Slice front = whole.split_front(4);
  stage->io().send(pair.near->socket, std::move(front));
  stage->io().send(pair.near->socket, std::move(whole));
  CHECK(pair.near->socket.queue.count() == 1);
  CHECK(pair.near->socket.queued_bytes() == 10);
  CHECK(stage->run_until([&] { return pair.far->received == "two events"; }));
  pair.close_all();
}

TEST_CASE("copied bytes go into the free room behind the last slice") {
  const auto stage = plain();
  Pair pair(*stage);
  stage->io().send(pair.near->socket, leased(stage->pool(Side::client), "event"));
  pair.near->send("\r\n");
  CHECK(pair.near->socket.queue.count() == 1);
  CHECK(stage->io().blocks().blocks_out() == 0);
  CHECK(stage->run_until([&] { return pair.far->received == "event\r\n"; }));
  pair.close_all();
}

TEST_CASE("an idle socket sends straight from the receive buffer") {
  const auto stage = plain();
  Pair pair(*stage);
  stage->io().send(pair.near->socket, leased(stage->pool(Side::client), pattern(500)));
  CHECK(stage->io().counters().coalesced_bytes == 0);
  CHECK(stage->pool(Side::client).out() == 1);
  CHECK(stage->run_until([&] { return pair.far->received.size() == 500; }));
  CHECK(stage->run_until([&] { return pair.near->socket.queued_bytes() == 0; }));
  CHECK(stage->pool(Side::client).out() == 0);
  pair.close_all();
}

TEST_CASE(
    "behind a busy socket scarce receive buffers are copied and given back, whatever their size") {
  StageOptions options;
  options.upstreams = {.buffer_bytes = 4096, .initial = 4, .cap = 4};
  const auto stage = Stage::make(Kind::sim, options, 1);
  Pair pair(*stage);
  const std::string much = pattern(600'000);
  stage->io().pause(pair.far->socket, kPauseBackpressure);
  stage->io().send(pair.near->socket, Slice::borrowed(much));
  stage->run_for(base::kMillisecond);
  REQUIRE(pair.near->socket.sending());
  ReceivePool& pool = stage->pool(Side::upstream);
  Slice a = leased(pool, pattern(4000));
  Slice b = leased(pool, pattern(4000));
  Slice c = leased(pool, pattern(4000));
  REQUIRE(pool.scarce());
  stage->io().send(pair.near->socket, std::move(a));
  CHECK(pool.out() == 2);
  CHECK(stage->io().counters().coalesced_bytes == 4000);
  b.reset();
  c.reset();
  stage->io().resume(pair.far->socket, kPauseBackpressure);
  CHECK(stage->run_until([&] { return pair.far->received.size() == much.size() + 4000; }));
  CHECK(stage->run_until([&] { return pair.near->socket.queued_bytes() == 0; }));
  pair.close_all();
}

TEST_CASE("empty slices and bytes for a closed socket are dropped") {
  const auto stage = plain();
  Pair pair(*stage);
  stage->io().send(pair.near->socket, Slice());
  CHECK(pair.near->socket.queue.empty());
  pair.near->close();
  stage->io().send(pair.near->socket, leased(stage->pool(Side::client), "too late"));
  pair.near->send("too late");
  stage->io().shutdown_after_send(pair.near->socket);
  CHECK(pair.near->socket.queued_bytes() == 0);
  CHECK(stage->pool(Side::client).out() == 0);
  pair.close_all();
}

TEST_CASE("more pieces than one send takes are sent all the same") {
  const auto stage = plain();
  Pair pair(*stage);
  const std::string all = pattern(40 * 3000);
  for (std::size_t i = 0; i < 40; ++i) {
    stage->io().send(pair.near->socket,
                     Slice::borrowed(std::string_view(all).substr(i * 3000, 3000)));
  }
  CHECK(pair.near->socket.queue.count() == 40);
  CHECK(stage->run_until([&] { return pair.far->received.size() == all.size(); }));
  CHECK((pair.far->received == all));
  CHECK(stage->io().counters().sends >= 3);
  CHECK(stage->run_until([&] { return pair.near->socket.queued_bytes() == 0; }));
  pair.close_all();
}

}  // namespace headrace::io::test
