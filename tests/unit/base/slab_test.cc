// Goal: a slab never hands out one place twice, never grows past its cap, and runs every destructor
// once. Method: a counting element; a seeded make/destroy walk compared with a set of the live
// objects.
#include "base/slab.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <vector>

#include "base/prng.h"

namespace headrace::base {
namespace {

struct Counted {
  explicit Counted(int* live_count, std::uint64_t with = 0) : live(live_count), value(with) {
    ++*live;
  }
  ~Counted() { --*live; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  int* live;
  std::uint64_t value;
};

TEST_CASE("a slab gives null at its cap and serves again after one object is freed") {
  int live = 0;
  Slab<Counted> slab(5, 2);  // the cap is no multiple of the block
  CHECK(slab.capacity() == 5);
  std::vector<Counted*> made;
  for (std::uint64_t i = 0; i < 5; ++i) {
    made.push_back(slab.make(&live, i));
    REQUIRE(made.back() != nullptr);
  }
  CHECK(slab.make(&live) == nullptr);
  CHECK(slab.in_use() == 5);
  CHECK(live == 5);
  CHECK(std::set<Counted*>(made.begin(), made.end()).size() == 5);
  for (std::uint64_t i = 0; i < 5; ++i) CHECK(made[i]->value == i);

  slab.destroy(made.back());
  CHECK(live == 4);
  made.back() = slab.make(&live, std::uint64_t{9});
  REQUIRE(made.back() != nullptr);
  for (Counted* object : made) slab.destroy(object);
  CHECK(live == 0);
  CHECK(slab.in_use() == 0);
}

TEST_CASE("the place freed last, still warm in the cache, is used first") {
  int live = 0;
  Slab<Counted> slab(8);
  Counted* first = slab.make(&live);
  Counted* second = slab.make(&live);
  slab.destroy(first);
  slab.destroy(second);
  CHECK(slab.make(&live) == second);
  CHECK(slab.make(&live) == first);
  slab.destroy(first);
  slab.destroy(second);
}

TEST_CASE("objects keep the alignment of their type") {
  struct alignas(64) Wide {
    char bytes[64];
  };
  Slab<Wide> slab(40, 3);
  std::vector<Wide*> made;
  for (int i = 0; i < 40; ++i) {
    made.push_back(slab.make());
    REQUIRE(made.back() != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(made.back()) % 64 == 0);
  }
  for (Wide* object : made) slab.destroy(object);
}

TEST_CASE("a long random walk keeps live objects apart and their contents whole") {
  int live = 0;
  Prng prng(1);
  Slab<Counted> slab(37, 4);
  std::vector<Counted*> objects;
  std::vector<std::uint64_t> values;
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    if (prng.chance(0.5)) {
      Counted* object = slab.make(&live, step);
      REQUIRE((object == nullptr) == (objects.size() == slab.capacity()));
      if (object == nullptr) continue;
      objects.push_back(object);
      values.push_back(step);
    } else if (!objects.empty()) {
      const std::size_t index = prng.below(objects.size());
      REQUIRE(objects[index]->value == values[index]);
      slab.destroy(objects[index]);
      objects[index] = objects.back();
      values[index] = values.back();
      objects.pop_back();
      values.pop_back();
    }
    REQUIRE(slab.in_use() == objects.size());
    REQUIRE(live == static_cast<int>(objects.size()));
  }
  for (Counted* object : objects) slab.destroy(object);
  CHECK(live == 0);
}

}  // namespace
}  // namespace headrace::base
