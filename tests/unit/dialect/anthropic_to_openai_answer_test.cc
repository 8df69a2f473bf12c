// Goal: a message that is none is the provider's fault, and odd ones are still translated. Method:
// answers that lack something; whole ones are golden cases.
#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using test::answer_from;
using test::Family;
using test::has;

TEST_CASE("what is no message is the provider's fault") {
  for (const char* body :
       {"", "[]", "{}", "5", R"({"content":"text"})", R"({"type":"error","content":[]})"}) {
    CAPTURE(body);
    CHECK(answer_from(Family::anthropic, body) == base::name_of(base::Errc::upstream_protocol));
  }
}

TEST_CASE("an explanation is a refusal only where the model refused") {
  const std::string details = R"({"content":[],"stop_details":{"explanation":"no"},"stop_reason":)";
  CHECK(has(answer_from(Family::anthropic, details + R"("refusal"})"), R"("refusal":"no")"));
  CHECK(has(answer_from(Family::anthropic, details + R"("end_turn"})"), R"("refusal":null)"));
}

TEST_CASE("an empty message is an empty completion") {
  const std::string text = answer_from(Family::anthropic, R"({"content":[]})");
  CHECK(has(text, R"("content":"")"));
  CHECK(has(text, R"("finish_reason":"stop")"));
}

}  // namespace
}  // namespace headrace::dialect
