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

TEST_CASE("no failure of a chat stream is missed by both cheap looks") {
  for (const Vector& vector : vectors()) {
    if (vector.kind != error) continue;
    CAPTURE(vector.name);
    CHECK((chat_may_fail(vector.event) || vector.ends));
  }
}

TEST_CASE("ordinary chunks are not taken for failures, nor what is said about errors") {
  for (const Vector& vector : vectors()) {
    if (vector.kind == error) continue;
    CAPTURE(vector.name);
    CHECK_FALSE(chat_may_fail(vector.event));
  }
}

bool is_usage(const std::string& event) {
  const std::unique_ptr<char[]> scratch(new char[event.size()]);
  return is_usage_chunk(event, scratch.get());
}

TEST_CASE("a usage chunk has an object of usage and an empty list of choices") {
  const std::string usage = R"("usage":{"prompt_tokens":9,"completion_tokens":2})";
  CHECK(is_usage("data: {\"choices\":[]," + usage + "}\n\n"));
  CHECK(is_usage("data:{ \"id\":\"c\", \"choices\" : [ ] , " + usage + " }\r\n\r\n"));
  CHECK(is_usage("event: message\ndata: {" + usage + ",\ndata: \"choices\":[]}\n\n"));
  CHECK(is_usage("data: {\"choices\":[],\"error\":null," + usage + "}\n\n"));
  CHECK(is_usage(R"(data: {"choices":[],"usage":{}})"
                 "\n\n"));
}

TEST_CASE("nothing else is a usage chunk: a client that did not ask must see all the rest") {
  const std::string usage = R"("usage":{"prompt_tokens":9})";
  for (const std::string& event : {
           std::string(R"(data: {"choices":[],"usage":null})"),
           std::string(R"(data: {"choices":[]})"),
           std::string(R"(data: {"choices":[],"usage":[1]})"),
           std::string(R"(data: {"choices":[],"x_groq":{"usage":{"prompt_tokens":9}}})"),
           "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]," + usage + "}",
           "data: {\"choices\":[{\"finish_reason\":\"stop\"}]," + usage + "}",
           "data: {\"choices\":null," + usage + "}",
           "data: {\"choices\":{}," + usage + "}",
           "data: {" + usage + "}",
           "data: {\"choices\":[],\"error\":{\"code\":429}," + usage + "}",
           "data: {\"choices\":[]," + usage,
           std::string("data: [DONE]"),
           ": \"choices\":[]," + usage,
       }) {
    CAPTURE(event);
    CHECK_FALSE(is_usage(event + "\n\n"));
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
