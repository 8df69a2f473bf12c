// Goal: what commits a stream and what ends it is exactly what docs/commit-point.md says. Method:
// its vectors, then the same vectors under key positions, paddings and cuts that must not matter.
#include "dialect/openai.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
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
  static const std::vector<Vector> kVectors = {
#include "openai_events.inc"
  };
  return kVectors;
}

api::EventKind classify(Bytes event) {
  // Exact sizes, so that a sanitizer sees a step too far.
  const std::unique_ptr<char[]> copy(new char[event.size()]);
  const std::unique_ptr<char[]> scratch(new char[event.size()]);
  event.copy(copy.get(), event.size());
  return classify_chat_event({copy.get(), event.size()}, scratch.get());
}

bool ends(Bytes event) {
  const std::unique_ptr<char[]> copy(new char[event.size()]);
  event.copy(copy.get(), event.size());
  return ends_chat_stream({copy.get(), event.size()});
}

TEST_CASE("every vector has the kind that the table gives it") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CHECK(static_cast<int>(classify(vector.event)) == static_cast<int>(vector.kind));
  }
  CHECK(vectors().size() >= 40);
}

TEST_CASE("a stream may end behind an end marker or a finish reason and nowhere else") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CHECK(ends(vector.event) == vector.ends);
  }
}

TEST_CASE("padding in front of the choices changes nothing, wherever it moves the finish reason") {
  for (const Vector& vector : vectors()) {
    const Bytes start = "data: {";
    if (vector.event.substr(0, start.size()) != start) continue;
    for (std::size_t padding = 0; padding < 40; ++padding) {
      const std::string event = "data: {\"p\":\"" + std::string(padding, '_') + "\"" +
                                (vector.event[start.size()] == '}' ? "" : ",") +
                                std::string(vector.event.substr(start.size()));
      CAPTURE(vector.name);
      CAPTURE(padding);
      CHECK(static_cast<int>(classify(event)) == static_cast<int>(vector.kind));
      CHECK(ends(event) == vector.ends);
    }
  }
}

TEST_CASE("an event cut anywhere is survived, and no cut of a chunk looks like one") {
  for (const Vector& vector : vectors()) {
    for (std::size_t size = 0; size < vector.event.size(); ++size) {
      const api::EventKind kind = classify(vector.event.substr(0, size));
      CAPTURE(vector.name);
      CAPTURE(size);
      // Whatever the cut leaves is either unreadable or already the whole of what was said.
      CHECK((kind == quiet || kind == vector.kind || kind == error || kind == useful));
      ends(vector.event.substr(0, size));
    }
  }
}

TEST_CASE("which kinds commit depends on the route only for reasoning") {
  for (const api::EventKind kind : {useful, finish, done}) {
    CHECK(api::commits(kind, false));
    CHECK(api::commits(kind, true));
  }
  for (const api::EventKind kind : {quiet, error}) {
    CHECK_FALSE(api::commits(kind, false));
    CHECK_FALSE(api::commits(kind, true));
  }
  CHECK_FALSE(api::commits(reasoning, false));
  CHECK(api::commits(reasoning, true));
}

}  // namespace
}  // namespace headrace::dialect
