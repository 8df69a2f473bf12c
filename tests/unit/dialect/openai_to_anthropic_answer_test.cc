// Goal: a completion that is none is the provider's fault, and odd ones are still translated.
// Method: answers that lack something; whole ones are golden cases.
#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using test::answer_from;
using test::Family;
using test::has;

TEST_CASE("what is no completion is the provider's fault") {
  for (const char* body : {"", "[]", "{}", R"({"choices":[]})", R"({"choices":[{"message":5}]})"}) {
    CAPTURE(body);
    CHECK(answer_from(Family::openai, body) == base::name_of(base::Errc::upstream_protocol));
  }
}

TEST_CASE("an empty completion is an empty message") {
  const std::string text =
      answer_from(Family::openai, R"({"choices":[{"message":{"content":""}}]})");
  CHECK(has(text, R"("content":[])"));
  CHECK(has(text, R"("stop_reason":"end_turn")"));
}

}  // namespace
}  // namespace headrace::dialect
