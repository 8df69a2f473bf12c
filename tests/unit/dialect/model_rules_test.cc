// Goal: names of models lead to the rules of their family, dates and prefixes aside. Method: names
// as they are in use.
#include "dialect/model_rules.h"

#include <doctest/doctest.h>

namespace headrace::dialect {
namespace {

TEST_CASE("Claude's names lead to their rules") {
  CHECK(claude_rules("claude-opus-4-20250514").output_max == 32'000);
  CHECK(claude_rules("claude-opus-4-1-20250805").output_format);
  CHECK_FALSE(claude_rules("claude-sonnet-4-20250514").output_format);
  CHECK(claude_rules("us.anthropic.claude-sonnet-4-5-20250929-v1:0").thinking == Thinking::budget);
  CHECK(claude_rules("anthropic/claude-opus-4-6").samples);
  CHECK_FALSE(claude_rules("claude-opus-4-6").xhigh);
  CHECK_FALSE(claude_rules("claude-opus-4-7").samples);
  CHECK(claude_rules("claude-3-5-haiku-latest").output_max == 8'192);
  CHECK(claude_rules("claude-3-haiku-20240307").output_max == 4'096);
  CHECK_FALSE(claude_rules("claude-fable-5").forces_tools);
}

TEST_CASE("an unknown Claude is a new one") {
  for (const Bytes name : {"claude-opus-5", "claude-haiku-5-20261001", "claude-next", ""}) {
    CAPTURE(name);
    CHECK(claude_rules(name).thinking == Thinking::adaptive);
    CHECK(claude_rules(name).output_max == 128'000);
    CHECK_FALSE(claude_rules(name).samples);
  }
}

TEST_CASE("OpenAI's reasoning models and the others are told apart") {
  for (const Bytes name : {"o1", "o3-mini", "gpt-5", "gpt-5.1", "gpt-10", "openai/gpt-5.6-terra"}) {
    CAPTURE(name);
    CHECK(gpt_rules(name).reasons);
    CHECK(gpt_rules(name).max_completion_tokens);
  }
  for (const Bytes name : {"gpt-4o", "gpt-3.5-turbo", "llama-3", "olmo", "gpt-", "o", ""}) {
    CAPTURE(name);
    CHECK_FALSE(gpt_rules(name).reasons);
    CHECK_FALSE(gpt_rules(name).max_completion_tokens);
  }
  CHECK(gpt_rules("gpt-oss-120b").reasons);
  CHECK_FALSE(gpt_rules("gpt-oss-120b").max_completion_tokens);
}

}  // namespace
}  // namespace headrace::dialect
