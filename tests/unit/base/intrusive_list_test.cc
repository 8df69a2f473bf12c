// Goal: order, removal from anywhere, and membership in several lists at once.
// Method: a seeded walk of every operation against std::deque.
#include "base/intrusive_list.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "base/prng.h"

namespace headrace::base {
namespace {

struct Item {
  int before = 0;  // so that the links do not lie at offset 0
  ListLink link;
  ListLink other_link;
  std::size_t id = 0;
};

using Items = IntrusiveList<Item, &Item::link>;
using OtherItems = IntrusiveList<Item, &Item::other_link>;

std::vector<std::size_t> ids_of(Items& list) {
  std::vector<std::size_t> ids;
  for (Item* item = list.front(); item != nullptr; item = list.after(*item))
    ids.push_back(item->id);
  return ids;
}

struct Three {
  Three() {
    for (std::size_t i = 0; i < items.size(); ++i) items[i].id = i;
  }
  std::array<Item, 3> items;
};

TEST_CASE("an empty list has no ends") {
  Items list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
  CHECK(list.pop_front() == nullptr);
}

TEST_CASE("elements come out in the order of the ends they went in at") {
  Three three;
  Items list;
  list.push_back(three.items[1]);
  list.push_back(three.items[2]);
  list.push_front(three.items[0]);
  CHECK(ids_of(list) == std::vector<std::size_t>{0, 1, 2});
  CHECK(list.front() == &three.items[0]);
  CHECK(list.back() == &three.items[2]);
  CHECK(list.pop_front() == &three.items[0]);
  CHECK_FALSE(three.items[0].link.linked());
  CHECK(list.pop_front() == &three.items[1]);
  CHECK(list.pop_front() == &three.items[2]);
  CHECK(list.empty());
}

TEST_CASE("an element leaves from anywhere, and leaving twice does nothing") {
  Three three;
  Items list;
  for (Item& item : three.items) list.push_back(item);
  three.items[1].link.unlink();
  three.items[1].link.unlink();
  CHECK(ids_of(list) == std::vector<std::size_t>{0, 2});
  three.items[2].link.unlink();
  CHECK(list.back() == &three.items[0]);
  three.items[0].link.unlink();
  CHECK(list.empty());
  list.push_back(three.items[1]);
  CHECK(list.pop_front() == &three.items[1]);
}

TEST_CASE("one element may be in one list for each of its links") {
  Three three;
  Items list;
  OtherItems other;
  for (Item& item : three.items) {
    list.push_back(item);
    other.push_front(item);
  }
  three.items[0].link.unlink();
  CHECK(list.front() == &three.items[1]);
  CHECK(other.back() == &three.items[0]);
  while (list.pop_front() != nullptr) {
  }
  CHECK(other.pop_front() == &three.items[2]);
  CHECK(other.pop_front() == &three.items[1]);
  CHECK(other.pop_front() == &three.items[0]);
}

TEST_CASE("taking all moves the elements behind those already there, in order") {
  Three three;
  Items list;
  Items from;
  list.push_back(three.items[0]);
  from.push_back(three.items[1]);
  from.push_back(three.items[2]);
  list.take_all(from);
  CHECK(from.empty());
  CHECK(ids_of(list) == std::vector<std::size_t>{0, 1, 2});
  list.take_all(from);
  CHECK(ids_of(list).size() == 3);
  while (list.pop_front() != nullptr) {
  }
}

TEST_CASE("a long random walk agrees with a plain sequence") {
  Prng prng(3);
  std::array<Item, 16> items;
  for (std::size_t i = 0; i < items.size(); ++i) items[i].id = i;
  Items list;
  std::deque<std::size_t> expected;
  for (int step = 0; step < 20'000; ++step) {
    Item& item = items[prng.below(items.size())];
    if (item.link.linked()) {
      item.link.unlink();
      expected.erase(std::find(expected.begin(), expected.end(), item.id));
    } else if (prng.chance(0.5)) {
      list.push_back(item);
      expected.push_back(item.id);
    } else {
      list.push_front(item);
      expected.push_front(item.id);
    }
    REQUIRE(ids_of(list) == std::vector<std::size_t>(expected.begin(), expected.end()));
  }
  while (list.pop_front() != nullptr) {
  }
}

}  // namespace
}  // namespace headrace::base
