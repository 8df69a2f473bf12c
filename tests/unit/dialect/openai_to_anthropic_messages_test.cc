// Goal: turns alternate, begin with the user's and are never empty, whatever the order of the
// client's messages. Method: orders that break a naive translation.
#include "dialect/openai_to_anthropic_messages.h"

#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using test::claude_messages;
using test::has;

constexpr const char* kFiller = R"({"role":"user","content":[{"type":"text","text":"."}]})";

TEST_CASE("a conversation that does not begin with the user gets a turn in front") {
  CHECK(has(claude_messages(R"({"role":"assistant","content":"a"})"), kFiller));
  CHECK(has(claude_messages(R"({"role":"system","content":"a"})"), kFiller));
  CHECK(has(claude_messages(""), kFiller));
  CHECK_FALSE(has(claude_messages(R"({"role":"user","content":"a"})"), kFiller));
}

TEST_CASE("messages without content leave no empty turn") {
  const std::string text = claude_messages(
      R"({"role":"user","content":"a"},{"role":"assistant","content":null},{"role":"user","content":"b"})");
  CHECK(has(
      text,
      R"("messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])"));
}

TEST_CASE("results of tools come before what else the turn says") {
  const std::string text = claude_messages(
      R"({"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":""}}]},
         {"role":"user","content":"first"},{"role":"tool","tool_call_id":"c","content":"r"})");
  CHECK(text.find("tool_result") < text.find("first"));
}

TEST_CASE("a thought without its signature is not sent back") {
  const std::string text = claude_messages(
      R"({"role":"user","content":"a"},
         {"role":"assistant","content":"b","thinking_blocks":[{"type":"thinking","thinking":"t"}]})");
  CHECK_FALSE(has(text, "thinking"));
}

TEST_CASE("what is no message is refused") {
  for (const char* message : {"1",
                              "{}",
                              R"({"role":"user","content":5})",
                              R"({"role":"user","content":[{"type":"video"}]})",
                              R"({"role":"tool","content":"x"})",
                              R"({"role":"assistant","tool_calls":[{"id":"c"}]})",
                              R"({"role":"assistant","function_call":{"name":"f"}})"}) {
    CAPTURE(message);
    CHECK(has(claude_messages(message), "messages: "));
  }
}

}  // namespace
}  // namespace headrace::dialect
