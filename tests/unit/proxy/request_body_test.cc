// Goal: a request's body stays whole and in place for every attempt, and never changes under one
// that still sends.
#include "proxy/request_body.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

namespace headrace::proxy {
namespace {

struct Bench {
  ~Bench() {
    body.reset();
    CHECK(blocks.blocks_out() == 0);
  }
  upstream::WireRequest compose(std::string_view head) { return body.compose(blocks, head); }

  io::BlockPool blocks;
  RequestBody body;
};

std::string whole(const upstream::WireRequest& request) {
  return std::string(request.first.view()) + std::string(request.second.view()) +
         std::string(request.third.view());
}

}  // namespace

TEST_CASE("a head is written right in front of the body, in the same block") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  const char* place = bench.body.view().data();
  const upstream::WireRequest request = bench.compose("head ");
  CHECK(request.first.view() == "head body");
  CHECK(request.first.data() + 5 == place);
  CHECK(request.second.empty());
  CHECK(bench.blocks.blocks_out() == 1);
}

TEST_CASE("a head that does not fit goes out from a block of its own") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  CHECK(bench.compose(std::string(RequestBody::kHeadRoom, 'h')).second.empty());
  const std::string longer(RequestBody::kHeadRoom + 1, 'h');
  const upstream::WireRequest request = bench.compose(longer);
  CHECK(request.first.view() == longer);
  CHECK(request.second.view() == "body");
  CHECK(request.second.data() == bench.body.view().data());
}

TEST_CASE("while the first attempt may still send, its head is not written over") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  upstream::WireRequest first = bench.compose("first ");
  CHECK(whole(bench.compose("second ")) == "second body");
  CHECK(first.first.view() == "first body");
  first = {};
  CHECK(bench.compose("third ").first.view() == "third body");
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
  CHECK(bench.compose("head ").first.view() == "head " + sofar);
  CHECK(bench.blocks.blocks_out() == 1);
}

TEST_CASE("a body outlives its request as long as somebody sends it") {
  Bench bench;
  bench.body.start(bench.blocks, 4);
  bench.body.append(bench.blocks, "body");
  const upstream::WireRequest sending = bench.compose("head ");
  bench.body.reset();
  CHECK_FALSE(bench.body.started());
  CHECK(bench.body.view().empty());
  CHECK(sending.first.view() == "head body");
}

TEST_CASE("an empty body is a body") {
  Bench bench;
  bench.body.start(bench.blocks, 0);
  CHECK(bench.body.started());
  CHECK(bench.body.view().empty());
  CHECK(whole(bench.compose("head ")) == "head ");
}

TEST_CASE("an edited body of ordinary size leaves as one piece") {
  Bench bench;
  bench.body.start(bench.blocks, 8);
  bench.body.append(bench.blocks, "{abcdef}");
  const base::Bytes body = bench.body.view();
  const std::array<base::Bytes, 3> pieces = {body.substr(0, 1), "new,", body.substr(3)};
  const upstream::WireRequest request = bench.body.compose_edited(bench.blocks, "head ", pieces);
  CHECK(request.first.view() == "head {new,cdef}");
  CHECK(request.second.empty());
  CHECK(bench.body.view() == "{abcdef}");
}

TEST_CASE("of a long body the longest piece goes out from where it lies") {
  Bench bench;
  const std::string text = "{" + std::string(RequestBody::kCopiedBytes + 1, 'x') + "tail}";
  bench.body.start(bench.blocks, text.size());
  bench.body.append(bench.blocks, text);
  const base::Bytes body = bench.body.view();
  const std::size_t end = body.size() - 5;
  const std::array<base::Bytes, 4> pieces = {
      body.substr(0, 1), "new,", body.substr(1, end - 1), body.substr(end)};
  const upstream::WireRequest request = bench.body.compose_edited(bench.blocks, "head ", pieces);
  CHECK(request.first.view() == "head {new,");
  CHECK(request.second.data() == body.data() + 1);
  CHECK(request.third.view() == "tail}");
  CHECK(whole(request) == "head {new," + text.substr(1));
}

}  // namespace headrace::proxy
