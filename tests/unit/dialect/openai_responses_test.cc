// Goal: what commits a stream of responses, what ends it and what may break it is exactly what
// docs/commit-point.md says. Method: its vectors in copies of exact size, then the same vectors
// cut, moved and as first pieces of long events.
#include "dialect/openai_responses.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "api/error_body.h"

namespace headrace::dialect {
namespace {

using enum api::EventKind;

struct Vector {
  Bytes name;
  Bytes event;
  api::EventKind kind;
  bool ends;
  bool may_fail;
};

const std::vector<Vector>& vectors() {
  // clang-format off
  static const std::vector<Vector> kVectors = {
#include "response_events.inc"
  };
  // clang-format on
  return kVectors;
}

// A copy of exact size, so that a sanitizer sees a step too far.
struct Exact {
  std::unique_ptr<char[]> bytes;
  std::size_t size;

  explicit Exact(Bytes text) : bytes(new char[text.size()]), size(text.size()) {
    text.copy(bytes.get(), size);
  }
  operator Bytes() const { return {bytes.get(), size}; }  // NOLINT(google-explicit-constructor)
};

api::EventKind classify(Bytes event) {
  const Exact copy(event);
  const std::unique_ptr<char[]> scratch(new char[event.size()]);
  return classify_response_event(copy, scratch.get());
}

bool ends(Bytes event) {
  return ends_response_stream(Exact(event));
}

bool may_fail(Bytes event) {
  return response_may_fail(Exact(event));
}

TEST_CASE("every vector of responses has the kind that the table gives it") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CHECK(static_cast<int>(classify(vector.event)) == static_cast<int>(vector.kind));
  }
  CHECK(vectors().size() >= 80);
}

TEST_CASE("a stream of responses may end behind an end that succeeded and nowhere else") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CHECK(ends(vector.event) == vector.ends);
    CHECK(vector.ends == (vector.kind == done));
  }
}

TEST_CASE("no failure is missed by the cheap look, and OpenAI's other events pass it") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CHECK(may_fail(vector.event) == vector.may_fail);
    if (vector.kind == error) CHECK(vector.may_fail);
  }
}

TEST_CASE("members in front of the type change nothing, wherever they move it") {
  const Bytes start = "data: {";
  for (const Vector& vector : vectors()) {
    if (!vector.event.starts_with(start)) continue;
    for (std::size_t padding = 0; padding < 40; ++padding) {
      const std::string event = "data: {\"p\":\"" + std::string(padding, 'm') + "\"" + "," +
                                std::string(vector.event.substr(start.size()));
      CAPTURE(vector.name);
      CAPTURE(padding);
      CHECK(static_cast<int>(classify(event)) == static_cast<int>(vector.kind));
      CHECK(ends(event) == vector.ends);
      if (vector.kind == error) CHECK(may_fail(event));
    }
  }
}

TEST_CASE("an event of responses cut anywhere is survived") {
  for (const Vector& vector : vectors()) {
    for (std::size_t size = 0; size < vector.event.size(); ++size) {
      const Bytes cut = vector.event.substr(0, size);
      CAPTURE(vector.name);
      CAPTURE(size);
      const api::EventKind kind = classify(cut);
      CHECK((kind == quiet || kind == vector.kind || kind == error));
      (void)ends(cut);
      (void)may_fail(cut);
    }
  }
}

TEST_CASE("the first piece of a long event is enough where the type stands in front") {
  const std::string body =
      R"({"type":"response.completed","response":{"output":[")" + std::string(70'000, 'x');
  CHECK(ends("event: response.completed\ndata: " + body));
  CHECK(ends("data: " + body));
  const std::string failed = "data: {\"type\":\"response.failed\",\"response\":{\"output\":[\"";
  CHECK(may_fail(failed + std::string(70'000, 'x')));
  CHECK_FALSE(ends(failed + std::string(70'000, 'x')));
}

TEST_CASE("how far a stream has come is known: its response by name, its events by number") {
  const std::string created =
      "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
      "\"response\":{\"object\":\"response\",\"id\":\"resp_1\"}}\n\n";
  const std::string text =
      "data: {\"type\":\"response.output_text.delta\",\"delta\":\"\\\"sequence_number\\\":99\","
      "\"sequence_number\" : 7}\n\n";
  ResponsePlace place;
  CHECK(place.seen().id.empty());
  CHECK(place.seen().next_sequence == 0);
  place.follow(created);
  CHECK(place.seen().id == "resp_1");
  CHECK(place.seen().next_sequence == 1);
  place.follow(text);
  CHECK(place.seen().id == "resp_1");
  CHECK(place.seen().next_sequence == 8);
  place.follow("data: {\"type\":\"response.unnumbered\"}\n\n");
  CHECK(place.seen().next_sequence == 9);
  ResponsePlace nameless;
  for (const std::string& event : {text, created}) nameless.follow(event);
  CHECK(nameless.seen().id.empty());  // only the first event is searched
  for (std::size_t cut = 0; cut < created.size(); ++cut) {
    ResponsePlace torn;
    torn.follow(std::string(created, 0, cut));
    CHECK(torn.seen().next_sequence == 1);
  }
}

TEST_CASE("the event with which the gateway ends a broken stream is one of the dialect's errors") {
  std::array<char, api::kErrorBodyBytes> out;
  const base::Error lost{
      base::Errc::upstream_truncated, base::Blame::upstream, base::Retry::never, 0};
  const Bytes event = api::write_error_event(api::StreamForm::responses, lost, {}, out);
  CHECK(static_cast<int>(classify(event)) == static_cast<int>(error));
  CHECK(may_fail(event));
  CHECK_FALSE(ends(event));
}

}  // namespace
}  // namespace headrace::dialect
