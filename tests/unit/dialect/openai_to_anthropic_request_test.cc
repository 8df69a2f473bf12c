// Goal: every field of a chat completions request is translated, refused or dropped by what its
// value asks for. Method: one field at a time; whole requests are golden cases.
#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using test::claude_request;
using test::has;

TEST_CASE("what cannot be kept is refused with its name, unless it asks for nothing") {
  CHECK(has(claude_request(R"(,"n":2)"), "n: "));
  CHECK(has(claude_request(R"(,"store":true)"), "store: "));
  CHECK(has(claude_request(R"(,"st\u006fre":true)"), "store: "));
  CHECK(has(claude_request(R"(,"logprobs":true)"), "logprobs: "));
  for (const char* fields : {R"(,"n":1)",
                             R"(,"n":null)",
                             R"(,"store":false)",
                             R"(,"audio":null)",
                             R"(,"modalities":["text"])",
                             R"(,"top_logprobs":0)"}) {
    CAPTURE(fields);
    CHECK(has(claude_request(fields), R"("messages":[)"));
  }
}

TEST_CASE("the limit of tokens is cut to the model's and made up where it is missing") {
  CHECK(has(claude_request(R"(,"max_completion_tokens":7)"), R"("max_tokens":7,)"));
  CHECK(has(claude_request(R"(,"max_completion_tokens":99999999999999999999)"),
            "max_completion_tokens: "));
  CHECK(has(claude_request(R"(,"max_completion_tokens":999999)", "claude-3-haiku"),
            R"("max_tokens":4096,)"));
  CHECK(has(claude_request(R"(,"max_tokens":null)"), R"("max_tokens":21333,)"));
  CHECK(has(claude_request(R"(,"max_tokens":null,"stream":true)"), R"("max_tokens":128000,)"));
}

TEST_CASE("a name that JSON must escape is escaped") {
  CHECK(has(claude_request("", "a\"b"), R"("model":"a\"b")"));
}

TEST_CASE("a temperature above Anthropic's range becomes its end, others keep their digits") {
  CHECK(has(claude_request(R"(,"temperature":1.000000001)", "claude-sonnet-4-5"),
            R"("temperature":1,)") == false);
  CHECK(has(claude_request(R"(,"temperature":2e0)", "claude-sonnet-4-5"), R"("temperature":1})"));
  CHECK(has(claude_request(R"(,"temperature":0.30000000000000004)", "claude-sonnet-4-5"),
            R"("temperature":0.30000000000000004})"));
  CHECK_FALSE(has(claude_request(R"(,"temperature":0.3)"), "temperature"));
}

TEST_CASE("a budget fits below the limit of tokens or thinking is not asked for") {
  CHECK(has(claude_request(R"(,"reasoning_effort":"max")", "claude-haiku-4-5"),
            R"("budget_tokens":1999)"));
  CHECK_FALSE(
      has(claude_request(R"(,"reasoning_effort":"max","max_tokens":1024)", "claude-haiku-4-5"),
          "thinking"));
  CHECK_FALSE(has(claude_request(R"(,"reasoning_effort":"max","max_tokens":0)", "claude-haiku-4-5"),
                  "thinking"));
}

}  // namespace
}  // namespace headrace::dialect
