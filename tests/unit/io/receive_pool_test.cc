// Receive buffers: margins around the bytes, growth up to the cap, and what scarcity means.
#include "io/receive_pool.h"

#include <doctest/doctest.h>

#include <initializer_list>

#include <cstring>
#include <set>
#include <vector>

namespace headrace::io {
namespace {

TEST_CASE("received bytes have our margin before them and the rest of the buffer behind") {
  ReceivePool pool({.buffer_bytes = 1000, .initial = 2, .cap = 2});
  Buffer* buffer = pool.take();
  REQUIRE(buffer != nullptr);
  std::memcpy(pool.landing(*buffer), "hello", 5);
  Slice slice = pool.received(*buffer, 5);
  CHECK(slice.view() == "hello");
  CHECK(slice.headroom() == ReceivePool::kHeadMargin);
  CHECK(slice.tailroom() == ReceivePool::kTailMargin + 995);
  slice.grow_front(slice.headroom());
  CHECK(slice.data() == buffer->base);
  slice.grow_back(slice.tailroom());
  CHECK(slice.data() + slice.size() == buffer->base + buffer->capacity);
}

TEST_CASE("the pool grows by steps to its cap, and every buffer is a place of its own") {
  ReceivePool pool({.buffer_bytes = 64, .initial = 4, .cap = 21});
  std::vector<Slice> out;
  std::set<char*> places;
  while (Buffer* buffer = pool.take()) {
    std::memset(pool.landing(*buffer), 'x', 64);
    places.insert(buffer->base);
    out.push_back(pool.received(*buffer, 64));
  }
  CHECK(out.size() == 21);
  CHECK(places.size() == 21);
  CHECK(pool.total() == 21);
  CHECK(pool.out() == 21);
  CHECK(pool.empty());
  out.pop_back();
  Buffer* last = pool.take();
  REQUIRE(last != nullptr);
  CHECK(pool.take() == nullptr);
  pool.put_back(*last);
  out.clear();
  CHECK(pool.out() == 0);
}

TEST_CASE("a pool is scarce only when it may not grow and little is left") {
  ReceivePool pool({.buffer_bytes = 64, .initial = 8, .cap = 16});
  std::vector<Slice> out;
  const auto take = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out.push_back(pool.received(*pool.take(), 1));
  };
  take(8);
  CHECK_FALSE(pool.scarce());  // empty, but it may grow
  take(3);
  CHECK_FALSE(pool.scarce());  // grown to the cap, five are left
  take(1);
  CHECK(pool.scarce());
  out.pop_back();
  CHECK_FALSE(pool.scarce());
}

TEST_CASE("the buffer that came home last is taken first: it is warm") {
  ReceivePool pool({.buffer_bytes = 64, .initial = 4, .cap = 4});
  Buffer* first = pool.take();
  pool.put_back(*first);
  Buffer* again = pool.take();
  CHECK(again == first);
  pool.put_back(*again);
}

}  // namespace
}  // namespace headrace::io
