// Goal: an attempt finds the one before it of its own request, and never another's. Method: few
// requests by hand, then more than fit.
#include "exporter/attempt_trail.h"

#include <doctest/doctest.h>

#include "totals.h"

using namespace headrace;
using namespace headrace::exporter;
using base::Errc;
using exporter_test::attempt;
using exporter_test::request;

namespace {

Record attempt_at(std::uint64_t number, std::uint8_t which, std::uint32_t target) {
  Record record = attempt(number, which);
  record.target = target;
  return exporter_test::failed(record, Errc::connect_failed, base::Blame::upstream);
}

void note(AttemptTrail& trail, const Record& record) {
  trail.note(record, Cause::of(record));
}

}  // namespace

TEST_CASE("what was noted last of a request is known until the request ends") {
  AttemptTrail trail;
  CHECK(trail.last(attempt(1)) == nullptr);
  note(trail, attempt_at(1, 0, 5));
  note(trail, attempt_at(2, 0, 6));
  REQUIRE(trail.last(attempt(1)) != nullptr);
  CHECK(trail.last(attempt(1))->target == 5);
  CHECK(trail.last(attempt(1))->cause.text() == "upstream_connect_failed");
  note(trail, attempt_at(1, 1, 7));
  CHECK(trail.last(attempt(1))->target == 7);
  CHECK(trail.last(attempt(1))->attempt == 1);
  CHECK(trail.last(attempt(2))->target == 6);
  trail.forget(request(1));
  CHECK(trail.last(attempt(1)) == nullptr);
  CHECK(trail.last(attempt(2))->target == 6);
  trail.forget(request(3));  // never noted
}

TEST_CASE("with more requests than fit the oldest go, and none is taken for another") {
  AttemptTrail trail;
  constexpr std::uint64_t kMany = 100'000;
  for (std::uint64_t i = 1; i <= kMany; ++i) {
    note(trail, attempt_at(i, 0, static_cast<std::uint32_t>(i)));
  }
  std::size_t known = 0;
  for (std::uint64_t i = 1; i <= kMany; ++i) {
    const AttemptTrail::Step* step = trail.last(attempt(i));
    if (step == nullptr) continue;
    ++known;
    CHECK(step->target == i);
  }
  CHECK(known == base::limits::kMetricTrails);
  CHECK(trail.last(attempt(kMany)) != nullptr);
  CHECK(trail.last(attempt(1)) == nullptr);
}

TEST_CASE("those that ended make room: no request in flight is forgotten") {
  AttemptTrail trail;
  for (std::uint64_t i = 1; i <= 50'000; ++i) {
    note(trail, attempt_at(i, 0, static_cast<std::uint32_t>(i)));
    if (i > 100) {  // a hundred are always open
      REQUIRE(trail.last(attempt(i - 100)) != nullptr);
      trail.forget(request(i - 100));
    }
  }
}

TEST_CASE("records without an id are not mixed up") {
  AttemptTrail trail;
  note(trail, attempt_at(0, 0, 5));
  CHECK(trail.last(attempt(0)) == nullptr);
  trail.forget(request(0));
}
