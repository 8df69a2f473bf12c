// Goal: the filter keeps no more than it may, and says what its output is worth. Method: single
// events; whole streams are golden cases.
#include "dialect/openai_to_anthropic_stream.h"

#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using api::EventKind;
using test::Family;
using test::Filtered;
using test::has;

constexpr const char* kText = R"({"id":"c","choices":[{"delta":{"content":"x"}}]})";

std::string call(std::size_t index) {
  return R"({"choices":[{"delta":{"tool_calls":[{"index":)" + std::to_string(index) +
         R"(,"id":"c)" + std::to_string(index) +
         R"(","function":{"name":"f","arguments":"{}"}}]}}]})";
}

TEST_CASE("events of one sort take no more memory after the first") {
  Filtered stream(Family::openai);
  CHECK(stream.take(kText) == EventKind::useful);
  CHECK(stream.take(kText) == EventKind::useful);
  const std::size_t blocks = stream.pool.blocks_out();
  for (int i = 0; i < 200; ++i) CHECK(stream.take(kText) == EventKind::useful);
  CHECK(stream.pool.blocks_out() == blocks);
}

TEST_CASE("more tool calls than any request has tools are the provider's fault") {
  Filtered stream(Family::openai);
  for (std::size_t i = 0; i < OpenaiToAnthropicStream::kCallsMax; ++i) {
    REQUIRE(stream.take(call(i)) == EventKind::useful);
  }
  CHECK(stream.take(call(OpenaiToAnthropicStream::kCallsMax)) == EventKind::error);
  CHECK(stream.filter.over());
}

TEST_CASE("a piece of a call that says nothing new commits nothing") {
  Filtered stream(Family::openai);
  CHECK(stream.take(call(0)) == EventKind::useful);
  CHECK(stream.take(R"({"choices":[{"delta":{"tool_calls":[{"index":0}]}}]})") == EventKind::quiet);
  CHECK(stream.text().empty());
}

TEST_CASE("a finish reason commits, and the end is told with the usage behind it") {
  Filtered stream(Family::openai);
  stream.take(kText);
  CHECK(stream.take(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})") == EventKind::finish);
  CHECK(stream.text().empty());
  CHECK(stream.take(R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}})") ==
        EventKind::quiet);
  CHECK(stream.take("[DONE]") == EventKind::done);
  CHECK(has(stream.text(), R"("usage":{"input_tokens":3,)"));
  CHECK(stream.filter.finish() == api::Finish::stop);
}

TEST_CASE("an error is told in Anthropic's words and nothing follows it") {
  Filtered stream(Family::openai);
  CHECK(stream.take(R"({"error":{"message":"slow down","code":"rate_limit_exceeded"}})") ==
        EventKind::error);
  CHECK(stream.text() ==
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
        "\"message\":\"slow down\"}}\n\n");
  CHECK_FALSE(stream.filter.end(stream.out));
}

}  // namespace
}  // namespace headrace::dialect
