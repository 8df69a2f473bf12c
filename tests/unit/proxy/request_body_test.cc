// Goal: a request's body stays whole and in place for every attempt, and never changes under one
// that still sends.
#include "proxy/request_body.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace headrace::proxy {
namespace {

struct Bench {
  ~Bench() {
    body.reset();
    CHECK(blocks.blocks_out() == 0);
  }
  io::BlockPool blocks;
  RequestBody body;
};

}  // namespace

TEST_CASE("a head is written right in front of the body, in the same block") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  const char* place = bench.body.view().data();
  io::Slice request = bench.body.compose("head ");
  CHECK(request.view() == "head body");
  CHECK(request.data() + 5 == place);
  CHECK(bench.blocks.blocks_out() == 1);
}

TEST_CASE("a head that does not fit is left to a block of its own") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  CHECK_FALSE(bench.body.compose(std::string(RequestBody::kHeadRoom, 'h')).empty());
  CHECK(bench.body.compose(std::string(RequestBody::kHeadRoom + 1, 'h')).empty());
  CHECK(bench.body.body_slice().view() == "body");
}

TEST_CASE("while the first attempt may still send, its head is not written over") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  io::Slice first = bench.body.compose("first ");
  CHECK(bench.body.compose("second ").empty());
  CHECK(first.view() == "first body");
  CHECK(bench.body.body_slice().view() == "body");
  first.reset();
  CHECK(bench.body.compose("third ").view() == "third body");
}

TEST_CASE("a body may grow beyond what was expected") {
  Bench bench;
  bench.body.start(bench.blocks, 0);
  std::string sofar;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 37), static_cast<char>('a' + i % 26));
    bench.body.append(bench.blocks, piece);
    sofar += piece;
  }
  CHECK(bench.body.view() == sofar);
  CHECK(bench.body.size() == sofar.size());
  CHECK(bench.body.compose("head ").view() == "head " + sofar);
  CHECK(bench.blocks.blocks_out() == 1);
}

TEST_CASE("a body outlives its request as long as somebody sends it") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  const io::Slice sending = bench.body.compose("head ");
  bench.body.reset();
  CHECK_FALSE(bench.body.started());
  CHECK(bench.body.view().empty());
  CHECK(sending.view() == "head body");
}

TEST_CASE("an empty body is a body") {
  Bench bench;
  bench.body.start(bench.blocks, 0);
  CHECK(bench.body.started());
  CHECK(bench.body.view().empty());
  CHECK(bench.body.compose("head ").view() == "head ");
}

TEST_CASE("a part of the body is replaced by a longer, a shorter and an empty text") {
  for (const std::string_view text : {"longer than it was", "s", ""}) {
    Bench bench;
    bench.body.start(bench.blocks, 3);
    bench.body.append(bench.blocks, "before:part:after");
    bench.body.replace(bench.blocks, 7, 4, text);
    CHECK(bench.body.view() == "before:" + std::string(text) + ":after");
    CHECK(bench.body.compose("head ").view() == "head " + std::string(bench.body.view()));
    CHECK(bench.blocks.blocks_out() == 1);
  }
}

}  // namespace headrace::proxy
