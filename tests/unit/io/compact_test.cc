// Goal: a queue that holds received bytes for a while keeps few receive buffers busy, and says what
// it copied.
#include "io/compact.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "base/limits.h"

namespace headrace::io {
namespace {

struct Bench {
  explicit Bench(std::size_t buffers)
      : pool({.buffer_bytes = 4096, .initial = buffers, .cap = buffers}) {}

  Slice receive(std::string_view bytes) {
    Buffer* buffer = pool.take();
    REQUIRE(buffer != nullptr);
    std::memcpy(pool.landing(*buffer), bytes.data(), bytes.size());
    return pool.received(*buffer, bytes.size());
  }
  std::size_t push(Slice slice) { return push_compact(queue, std::move(slice), blocks, pool); }
  std::string text() {
    std::string all;
    for (std::size_t i = 0; i < queue.count(); ++i) all += queue[i].view();
    return all;
  }

  ReceivePool pool;
  BlockPool blocks;
  SliceQueue queue;
};

}  // namespace

TEST_CASE("the first piece stays where it was received") {
  Bench bench(8);
  Slice slice = bench.receive("one");
  const char* place = slice.data();
  CHECK(bench.push(std::move(slice)) == 0);
  CHECK(bench.queue.front().data() == place);
}

TEST_CASE("small pieces of other buffers join the one before, and give their buffers back") {
  Bench bench(8);
  bench.push(bench.receive("one"));
  CHECK(bench.push(bench.receive("two")) == 3);
  CHECK(bench.push(bench.receive("three")) == 5);
  CHECK(bench.text() == "onetwothree");
  CHECK(bench.queue.count() == 1);
  CHECK(bench.pool.out() == 1);
}

TEST_CASE("pieces that touch join without a copy") {
  Bench bench(8);
  Slice rest = bench.receive("onetwo");
  Slice front = rest.split_front(3);
  bench.push(std::move(front));
  CHECK(bench.push(std::move(rest)) == 0);
  CHECK(bench.text() == "onetwo");
  CHECK(bench.queue.count() == 1);
}

TEST_CASE("a piece is not copied into free room of its own buffer") {
  Bench bench(8);
  Slice rest = bench.receive("one--two");
  Slice front = rest.split_front(3);
  rest.drop_front(2);
  front.set_tailroom(2);
  rest.set_headroom(0);
  bench.push(std::move(front));
  CHECK(bench.push(std::move(rest)) == 0);
  CHECK(bench.text() == "onetwo");
}

TEST_CASE("a large piece is linked as long as buffers are plenty") {
  Bench bench(64);
  const std::string large(base::limits::kSmallPieceBytes + 1, 'x');
  bench.push(bench.receive("one"));
  CHECK(bench.push(bench.receive(large)) == 0);
  CHECK(bench.text() == "one" + large);
  CHECK(bench.pool.out() == 2);
}

TEST_CASE("when buffers are scarce everything is copied out of them") {
  Bench bench(4);
  Slice others[3] = {bench.receive("a"), bench.receive("b"), bench.receive("c")};
  REQUIRE(bench.pool.scarce());
  const std::string large(4000, 'x');
  CHECK(bench.push(bench.receive(large)) == 4000);
  CHECK(bench.push(bench.receive(large)) == 4000);
  CHECK(bench.push(bench.receive("end")) == 3);
  CHECK(bench.text() == large + large + "end");
  CHECK(bench.pool.out() == 3);
}

TEST_CASE("an empty piece leaves nothing behind") {
  Bench bench(8);
  Slice slice = bench.receive("x");
  slice.drop_front(1);
  CHECK(bench.push(std::move(slice)) == 0);
  CHECK(bench.queue.empty());
  CHECK(bench.pool.out() == 0);
}

}  // namespace headrace::io
