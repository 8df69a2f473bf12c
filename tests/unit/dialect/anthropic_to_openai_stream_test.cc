// Goal: the filter keeps no more than it may, and says what its output is worth. Method: single
// events; whole streams are golden cases.
#include "dialect/anthropic_to_openai_stream.h"

#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using api::EventKind;
using test::Family;
using test::Filtered;
using test::has;

constexpr const char* kStart = R"({"type":"message_start","message":{"id":"m","model":"c"}})";
constexpr const char* kText =
    R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"x"}})";

TEST_CASE("events of one sort take no more memory after the first") {
  Filtered stream(Family::anthropic);
  stream.take(kStart);
  CHECK(stream.take(kText) == EventKind::useful);
  const std::size_t blocks = stream.pool.blocks_out();
  for (int i = 0; i < 200; ++i) CHECK(stream.take(kText) == EventKind::useful);
  CHECK(stream.pool.blocks_out() == blocks);
}

TEST_CASE("an id that is too long to keep is the provider's fault") {
  Filtered stream(Family::anthropic);
  const std::string start =
      R"({"type":"message_start","message":{"id":")" + std::string(129, 'x') + R"(","model":"c"}})";
  CHECK(stream.take(start) == EventKind::error);
  CHECK(stream.filter.failed());
  CHECK(has(stream.text(), R"(data: {"error":)"));
}

TEST_CASE("message_stop without a stop reason is no end") {
  Filtered stream(Family::anthropic);
  stream.take(kStart);
  CHECK(stream.take(R"({"type":"message_stop"})") == EventKind::error);
}

TEST_CASE("a stream that is cut off gets no end of ours") {
  Filtered stream(Family::anthropic);
  stream.take(kStart);
  stream.take(kText);
  stream.out.clear();
  CHECK_FALSE(stream.filter.end(stream.out));
  CHECK(stream.out.size() == 0);
}

TEST_CASE("thinking is reasoning, its signature is quiet, and both are passed on") {
  Filtered stream(Family::anthropic);
  stream.take(kStart);
  CHECK(stream.take(
            R"({"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"t"}})") ==
        EventKind::reasoning);
  CHECK(
      stream.take(
          R"({"type":"content_block_delta","delta":{"type":"signature_delta","signature":"s"}})") ==
      EventKind::quiet);
  CHECK(has(stream.text(), R"("signature":"s")"));
}

}  // namespace
}  // namespace headrace::dialect
