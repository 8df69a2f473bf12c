// Goal: the blocks of a turn become messages that OpenAI-compatible providers take. Method: turns
// of every mixture.
#include "dialect/anthropic_to_openai_messages.h"

#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using test::gpt_messages;
using test::has;

TEST_CASE("texts alone are joined to a string, with an image they are parts") {
  CHECK(has(
      gpt_messages(
          R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})"),
      R"("content":"ab")"));
  CHECK(has(
      gpt_messages(
          R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"url","url":"u"}}]})"),
      R"("content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}])"));
}

TEST_CASE("a result is a message of its own, and no empty one of the user's follows") {
  const std::string text = gpt_messages(
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]})");
  CHECK(has(text, R"("messages":[{"role":"tool","content":"r","tool_call_id":"t"}])"));
}

TEST_CASE("thoughts stay behind unless the provider takes them") {
  const std::string body =
      R"({"max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"}]}]})";
  CHECK_FALSE(has(test::request_from(api::Family::anthropic, body, "gpt-5"), "hm"));

  io::BlockPool pool;
  Translator translator(pool);
  api::JsonBuilder out(pool);
  RequestTranslation translation;
  translation.keeps_reasoning = true;
  REQUIRE(translator.request(api::Family::anthropic, body, translation, out).ok());
  CHECK(has(std::string(out.view()), R"("content":"a","reasoning_content":"hm")"));
}

TEST_CASE("what is no message is refused") {
  for (const char* message : {"1",
                              "{}",
                              R"({"role":"user","content":5})",
                              R"({"role":"tool"})",
                              R"({"role":"user","content":[{"type":"new"}]})",
                              R"({"role":"assistant","content":[{"type":"tool_use","id":"t"}]})"}) {
    CAPTURE(message);
    CHECK(has(gpt_messages(message), "messages: "));
  }
}

}  // namespace
}  // namespace headrace::dialect
