// Goal: the usage at the end of a long answer is found, whole or not at all. Method: tails by hand,
// and one cut at every byte.
#include "dialect/last_usage.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::dialect {
namespace {

const std::string kTail =
    R"(","object":"embedding"}],"model":"m", "usage" : {"prompt_tokens":12,"total_tokens":12,"x":"}{\""}} )";

}  // namespace

TEST_CASE("the last usage of a tail counts, in either family") {
  CHECK(last_usage(api::Family::openai, kTail).of(TokenClass::input) == 12);
  CHECK(last_usage(api::Family::openai, R"("usage":{"prompt_tokens":1}},)" + kTail)
            .of(TokenClass::input) == 12);
  const api::Usage usage = last_usage(api::Family::anthropic,
                                      R"("usage":{"input_tokens":3,"cache_read_input_tokens":4}})");
  CHECK(usage.of(TokenClass::input) == 3);
  CHECK(usage.of(TokenClass::cache_read) == 4);
}

TEST_CASE("a usage that is not whole, or no object, is none") {
  const std::size_t end = kTail.find("}}") + 1;
  for (std::size_t size = 0; size < end; ++size) {
    CAPTURE(size);
    CHECK(last_usage(api::Family::openai, kTail.substr(0, size)).empty());
  }
  CHECK_FALSE(last_usage(api::Family::openai, kTail.substr(0, end)).empty());
  for (const char* text : {"",
                           "\"usage\"",
                           "\"usage\":",
                           "\"usage\":null",
                           "\"usage\":[1]",
                           "\"usage\":{]}",
                           "\"usage\":{\"a\":\"\\"}) {
    CHECK(last_usage(api::Family::openai, text).empty());
  }
}

}  // namespace headrace::dialect
