// Goal: what edge-triggered readiness must not lose: ends, errors and leftovers that have no edge
// of their own. Method: the stage of the contract tests; resets and ends placed before, in and
// after pauses.
#include <doctest/doctest.h>
#include <sys/un.h>

#include <cstring>

#include "io/epoll_io.h"
#include "io_stage.h"

namespace headrace::io::test {
namespace {

using base::kMillisecond;

}  // namespace

TEST_CASE("epoll: a client that resets is noticed though its reading is paused") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Pair pair(*stage);
  stage->io().pause(pair.far->socket, kPausePipeline);
  pair.near->send("ahead of its time");
  stage->run_for(kMillisecond);
  pair.near->close(CloseHow::abort);
  CHECK(stage->run_until([&] { return pair.far->errors == 1; }));
  CHECK(pair.far->received.empty());
  CHECK(pair.far->error.os_errno == ECONNRESET);
  pair.close_all();
}

TEST_CASE("epoll: an upstream that resets while paused is heard out first") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Pair pair(*stage);
  stage->io().pause(pair.near->socket, kPauseBackpressure);
  pair.far->send("the answer");
  stage->run_for(kMillisecond);
  pair.far->close(CloseHow::abort);
  stage->run_for(5 * kMillisecond);
  CHECK(pair.near->errors == 0);
  stage->io().resume(pair.near->socket, kPauseBackpressure);
  CHECK(stage->run_until([&] { return pair.near->errors == 1; }));
  CHECK(pair.near->received == "the answer");
  pair.close_all();
}

TEST_CASE("epoll: a reset after the end of the stream is still an error") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Pair pair(*stage);
  stage->io().shutdown_after_send(pair.near->socket);
  CHECK(stage->run_until([&] { return pair.far->eofs == 1; }));
  pair.near->close(CloseHow::abort);
  CHECK(stage->run_until([&] { return pair.far->errors == 1; }));
  pair.close_all();
}

TEST_CASE("epoll: bytes and the end that arrive together are both delivered") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  for (int round = 0; round < 50; ++round) {
    Pair pair(*stage);
    stage->io().pause(pair.far->socket, kPauseBackpressure);
    pair.near->send("bytes");
    stage->io().shutdown_after_send(pair.near->socket);
    if (round % 2 == 0) stage->run_for(base::kMicrosecond * 200);
    stage->io().resume(pair.far->socket, kPauseBackpressure);
    CHECK(stage->run_until([&] { return pair.far->eofs == 1; }));
    CHECK(pair.far->received == "bytes");
    pair.close_all();
  }
}

TEST_CASE("epoll: a flood of one socket leaves turns to the others") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Pair flood(*stage);
  Pair other(*stage);
  const std::string much = pattern(3'000'000);
  stage->io().send(flood.near->socket, Slice::borrowed(much));
  stage->run_for(kMillisecond);
  std::size_t most = 0;
  std::size_t last = flood.far->received.size();
  while (flood.far->received.size() < much.size()) {
    stage->io().counters();
    stage->run_until([&] { return flood.far->received.size() != last; });
    most = std::max(most, flood.far->received.size() - last);
    last = flood.far->received.size();
  }
  // One bound for what was left over and one for a new edge, both in one turn.
  CHECK(most <= 2 * 16 * 4096);
  other.near->send("in between");
  CHECK(stage->run_until([&] { return other.far->received == "in between"; }));
  flood.close_all();
  other.close_all();
}

TEST_CASE("epoll: a connect that fails at once is reported later, like any other") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  std::strcpy(un.sun_path + 1, "headrace-nobody-listens-here");
  sockaddr_storage storage{};
  std::memcpy(&storage, &un, sizeof un);
  End near(*stage);
  REQUIRE(stage->io().connect(near.socket, storage, sizeof un, Side::upstream).ok());
  CHECK(near.connects == 0);
  CHECK(stage->run_until([&] { return near.connects == 1; }));
  CHECK(near.error.code == base::Errc::connect_failed);
  CHECK(near.error.os_errno == ECONNREFUSED);
  stage->run_for(kMillisecond);
  CHECK(near.connects == 1);
  near.close();
  CHECK(stage->run_until([&] { return near.closes == 1; }));
}

TEST_CASE("epoll: a send to a full socket waits for room without spinning") {
  const auto stage = Stage::make(Kind::epoll, {}, 1);
  Pair pair(*stage);
  const std::string much = pattern(20'000'000);
  stage->io().pause(pair.far->socket, kPauseBackpressure);
  stage->io().send(pair.near->socket, Slice::borrowed(much));
  stage->run_for(20 * kMillisecond);
  REQUIRE(pair.near->socket.sending());
  const std::uint64_t enters = stage->io().counters().enters;
  stage->run_for(20 * kMillisecond);
  CHECK(stage->io().counters().enters - enters < 10);
  pair.near->close(CloseHow::abort);
  pair.close_all();
}

}  // namespace headrace::io::test
