// Goal: a connection is relied on as long as a server really keeps it, whatever it says and however
// it misled us once. Method: spans alone.
#include "upstream/life_span.h"

#include <doctest/doctest.h>

namespace headrace::upstream {

using base::kMillisecond;
using base::kSecond;

TEST_CASE("while nothing is known the usual span counts") {
  CHECK(LifeSpan(55 * kSecond, 300 * kSecond).safe() == 55 * kSecond);
}

TEST_CASE("what a server announces counts, with a margin and up to a bound") {
  LifeSpan span(55 * kSecond, 300 * kSecond);
  span.announce(5 * kSecond);
  CHECK(span.safe() == 4 * kSecond);
  span.announce(kSecond);
  CHECK(span.safe() == 500 * kMillisecond);
  span.announce(100 * kSecond);
  CHECK(span.safe() == 90 * kSecond);
  span.announce(3600 * kSecond);
  CHECK(span.safe() == 300 * kSecond);
}

TEST_CASE("the age at which a server ended one counts, also against what it announced") {
  LifeSpan span(55 * kSecond, 300 * kSecond);
  span.note_end(20 * kSecond);
  CHECK(span.safe() == 18 * kSecond);
  span.announce(100 * kSecond);
  CHECK(span.safe() == 18 * kSecond);
}

TEST_CASE("one that ended soon after it was made says nothing") {
  LifeSpan span(55 * kSecond, 300 * kSecond);
  span.note_end(900 * kMillisecond);
  CHECK(span.safe() == 55 * kSecond);
}

TEST_CASE("what was learned by mistake heals, what was confirmed stays") {
  LifeSpan span(55 * kSecond, 300 * kSecond);
  span.note_end(10 * kSecond);
  for (int i = 0; i < 60; ++i) span.note_outlived();
  CHECK(span.safe() == 55 * kSecond);
  span.note_end(10 * kSecond);
  span.note_end(11 * kSecond);
  for (int i = 0; i < 60; ++i) span.note_outlived();
  CHECK(span.safe() == 9900 * kMillisecond);
}

}  // namespace headrace::upstream
