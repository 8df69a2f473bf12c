// Goal: every field of a messages request is translated, refused or dropped. Method: one field at a
// time; whole requests are golden cases.
#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using test::gpt_request;
using test::has;

TEST_CASE("the limit of tokens has the name that the model knows") {
  CHECK(has(gpt_request(""), R"("max_completion_tokens":20)"));
  CHECK(has(gpt_request("", "mistral-large"), R"("max_tokens":20)"));
}

TEST_CASE("thinking becomes effort where the model reasons, and is dropped elsewhere") {
  const char* kBudget = R"(,"thinking":{"type":"enabled","budget_tokens":2048})";
  CHECK(has(gpt_request(kBudget), R"("reasoning_effort":"low")"));
  CHECK_FALSE(has(gpt_request(kBudget, "gpt-4o"), "reasoning_effort"));
  CHECK(has(gpt_request(R"(,"thinking":{"type":"enabled","budget_tokens":8193})"),
            R"("reasoning_effort":"high")"));
  CHECK(has(gpt_request(R"(,"thinking":{"type":"disabled"})"), R"("reasoning_effort":"none")"));
  CHECK_FALSE(has(gpt_request(R"(,"thinking":{"type":"adaptive"})"), "reasoning_effort"));
}

TEST_CASE("a stream asks for usage, always") {
  CHECK(has(gpt_request(R"(,"stream":true)"),
            R"("stream":true,"stream_options":{"include_usage":true})"));
  CHECK_FALSE(has(gpt_request(R"(,"stream":false)"), "stream"));
}

TEST_CASE("what lives with Anthropic is refused, and nothing of it is not") {
  CHECK(has(gpt_request(R"(,"mcp_servers":[{"url":"x"}])"), "mcp_servers: "));
  CHECK(has(gpt_request(R"(,"mcp_servers":[],"container":null)"), "messages"));
}

}  // namespace
}  // namespace headrace::dialect
