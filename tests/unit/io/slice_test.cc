// Leases: one owner at a time, buffers that go home exactly once, and the free room beside the
// bytes.
#include "io/slice.h"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <utility>

namespace headrace::io {
namespace {

struct Home final : BufferHome {
  std::array<char, 64> storage{};
  Buffer buffer{.home = this, .base = storage.data(), .capacity = 64};
  int returned = 0;
  void take_back(Buffer& back) override {
    REQUIRE(&back == &buffer);
    ++returned;
  }
  Slice lease(std::size_t offset, const char* text) {
    std::memcpy(storage.data() + offset, text, std::strlen(text));
    return Slice(buffer, storage.data() + offset, std::strlen(text));
  }
};

TEST_CASE("a buffer goes home when its last slice dies, and not before") {
  Home home;
  {
    Slice whole = home.lease(0, "data: one\n\ndata: two\n\n");
    Slice first = whole.split_front(11);
    CHECK(first.view() == "data: one\n\n");
    CHECK(whole.view() == "data: two\n\n");
    CHECK(home.buffer.references == 2);
    first.reset();
    CHECK(home.returned == 0);
  }
  CHECK(home.returned == 1);
}

TEST_CASE("moving a slice moves the lease") {
  Home home;
  Slice first = home.lease(0, "bytes");
  Slice second = std::move(first);
  CHECK(first.empty());
  CHECK(first.buffer() == nullptr);
  CHECK(home.buffer.references == 1);
  second = Slice();
  CHECK(home.returned == 1);
}

TEST_CASE("assigning over a lease ends it") {
  Home home;
  Home other;
  Slice slice = home.lease(0, "a");
  slice = other.lease(0, "b");
  CHECK(home.returned == 1);
  CHECK(other.returned == 0);
  CHECK(slice.view() == "b");
}

TEST_CASE("framing is written into the room beside the bytes") {
  Home home;
  Slice slice = home.lease(10, "event");
  slice.set_headroom(10);
  slice.set_tailroom(49);
  slice.grow_front(3);
  std::memcpy(slice.data(), "5\r\n", 3);
  slice.grow_back(2);
  std::memcpy(slice.data() + slice.size() - 2, "\r\n", 2);
  CHECK(slice.view() == "5\r\nevent\r\n");
  CHECK(slice.headroom() == 7);
  CHECK(slice.tailroom() == 47);
}

TEST_CASE("dropped bytes become room, and a cut leaves none at the cut") {
  Home home;
  Slice slice = home.lease(0, "5\r\nevent\r\nrest");
  slice.drop_front(3);
  CHECK(slice.headroom() == 3);
  Slice front = slice.split_front(5);
  CHECK(front.view() == "event");
  CHECK(front.headroom() == 3);
  CHECK(front.tailroom() == 0);
  CHECK(slice.headroom() == 0);
  slice.drop_back(4);
  CHECK(slice.view() == "\r\n");
  CHECK(slice.tailroom() == 4);
}

TEST_CASE("a cut at the end takes the room behind along") {
  Home home;
  Slice slice = home.lease(0, "event\r\n");
  slice.drop_back(2);
  Slice front = slice.split_front(5);
  CHECK(front.tailroom() == 2);
  CHECK(slice.empty());
  CHECK(slice.tailroom() == 0);
}

TEST_CASE("slices that touch become one again") {
  Home home;
  Slice rest = home.lease(0, "onetwo");
  rest.set_tailroom(7);
  Slice front = rest.split_front(3);
  CHECK(front.touches(rest));
  CHECK_FALSE(rest.touches(front));
  front.absorb(std::move(rest));
  CHECK(front.view() == "onetwo");
  CHECK(front.tailroom() == 7);
  CHECK(home.buffer.references == 1);
}

TEST_CASE("a borrowed slice owns nothing and touches nothing") {
  Slice first = Slice::borrowed("constant");
  Slice second = first.split_front(4);
  CHECK(second.view() == "cons");
  CHECK(first.view() == "tant");
  CHECK(first.buffer() == nullptr);
  CHECK_FALSE(second.touches(first));
}

TEST_CASE("room is counted up to what its field holds") {
  Slice slice = Slice::borrowed("x");
  slice.set_tailroom(1u << 20);
  CHECK(slice.tailroom() == UINT16_MAX);
}

}  // namespace
}  // namespace headrace::io
