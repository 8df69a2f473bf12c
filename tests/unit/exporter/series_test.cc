// Goal: what is counted never grows beyond its bound, and nothing is lost at it.
#include "exporter/series.h"

#include <doctest/doctest.h>

using headrace::exporter::Series;

TEST_CASE("a key too many is counted under the other one, and that is told") {
  Series<int, int, 3> series;
  constexpr int kOther = -1;
  for (int round = 0; round < 2; ++round) {
    for (int key = 0; key < 5; ++key) ++series.at(key, kOther);
  }
  REQUIRE(series.rows().size() == 4);
  CHECK(series.rows().at(0) == 2);
  CHECK(series.rows().at(2) == 2);
  CHECK(series.rows().at(kOther) == 4);
  CHECK(series.folded() == 4);
}

TEST_CASE("below the bound every key has a row of its own, also the one that stands for others") {
  Series<int, int, 2> series;
  ++series.at(-1, -1);
  ++series.at(7, -1);
  ++series.at(7, -1);
  CHECK(series.rows().at(-1) == 1);
  CHECK(series.rows().at(7) == 2);
  CHECK(series.folded() == 0);
}
