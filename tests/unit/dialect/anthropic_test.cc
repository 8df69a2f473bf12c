// Goal: what commits a stream of messages and what ends it is exactly what docs/commit-point.md
// says. Method: its vectors, as they are and in copies of exact size.
#include "dialect/anthropic.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

namespace headrace::dialect {
namespace {

using enum api::EventKind;

struct Vector {
  Bytes name;
  Bytes event;
  api::EventKind kind;
  bool ends;
};

const std::vector<Vector>& vectors() {
  // clang-format off
  static const std::vector<Vector> kVectors = {
#include "anthropic_events.inc"
  };
  // clang-format on
  return kVectors;
}

TEST_CASE("every vector of messages has the kind that the table gives it") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    const std::unique_ptr<char[]> copy(new char[vector.event.size()]);
    const std::unique_ptr<char[]> scratch(new char[vector.event.size()]);
    vector.event.copy(copy.get(), vector.event.size());
    const api::EventKind kind =
        classify_message_event({copy.get(), vector.event.size()}, scratch.get());
    CHECK(static_cast<int>(kind) == static_cast<int>(vector.kind));
  }
  CHECK(vectors().size() >= 30);
}

TEST_CASE("a stream of messages may end behind a stop reason or message_stop and nowhere else") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    const std::unique_ptr<char[]> copy(new char[vector.event.size()]);
    vector.event.copy(copy.get(), vector.event.size());
    CHECK(ends_message_stream({copy.get(), vector.event.size()}) == vector.ends);
  }
}

TEST_CASE("exactly the failures of a stream of messages are pointed out") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CHECK(message_may_fail(vector.event) == (vector.kind == error));
  }
}

}  // namespace
}  // namespace headrace::dialect
