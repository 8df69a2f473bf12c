// Goal: an answer of status 200 that is none is told from one that is. Method: what providers, and
// proxies in front of them, have been seen to send.
#include "dialect/plain_answer.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::dialect {

TEST_CASE("an object without a word of failure is an answer") {
  for (const Bytes body : {R"({})",
                           "\n\n \t{\"choices\":[]}\r\n",
                           R"({"error":null,"status":"completed"})",
                           R"({"error":false})",
                           R"({"error":{ },"x":1})",
                           R"({"error":[],"x":[1]})",
                           R"({"object":"list"})",
                           R"({"type":"message","content":[{"type":"error"}]})",
                           R"({"a":"\ud800","n":1e99999})",
                           R"({"base_resp":{"status_code":0}})",
                           R"({"id":1,"id":2})"}) {
    CAPTURE(body);
    CHECK(judge_plain_answer(body).kind == PlainAnswer::answer);
  }
}

TEST_CASE("usage is found on the way") {
  CHECK(judge_plain_answer(R"({"a":1,"usage": {"prompt_tokens":3} })").usage.text() ==
        R"({"prompt_tokens":3})");
  CHECK(judge_plain_answer(R"({"usage":null})").usage.empty());
  CHECK(judge_plain_answer(R"({"x":{"usage":{}}})").usage.empty());
}

TEST_CASE("the usage that was found is read in either family") {
  const PlainVerdict chat = judge_plain_answer(
      R"({"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2}}})");
  const api::Usage counts = read_usage(api::Family::openai, chat.usage.value());
  CHECK(counts.of(TokenClass::input) == 7);
  CHECK(counts.of(TokenClass::cache_read) == 2);
  CHECK(counts.of(TokenClass::output) == 4);
  const PlainVerdict message =
      judge_plain_answer(R"({"a":{},"usage":{"input_tokens":5,"output_tokens":6}})");
  CHECK(read_usage(api::Family::anthropic, message.usage.value()).of(TokenClass::input) == 5);
  CHECK(read_usage(api::Family::anthropic, message.usage.value()).of(TokenClass::output) == 6);
}

TEST_CASE("a usage far larger than any is not read, and an answer all the same") {
  std::string body = R"({"usage":{"prompt_tokens":9)";
  for (int i = 0; i < 200; ++i) body += ",\"a\":1";
  const PlainVerdict verdict = judge_plain_answer(body + "}}");
  CHECK(verdict.kind == PlainAnswer::answer);
  CHECK_FALSE(verdict.usage.empty());
  CHECK(read_usage(api::Family::openai, verdict.usage.value()).empty());
  CHECK(judge_plain_answer(body + ",}}").kind == PlainAnswer::unreadable);
}

TEST_CASE("a failure in the place of an answer is one, whatever the status said") {
  for (const Bytes body : {R"({"error":{"message":"no"}})",
                           R"({"error":"no"})",
                           R"({"error":17})",
                           R"({"error":[{"message":"no"}]})",
                           R"({"object":"error","message":"no"})",
                           R"({"type":"error","error":{"type":"overloaded_error"}})",
                           R"({"base_resp":{"status_code":1002,"status_msg":"no"}})"}) {
    CAPTURE(body);
    CHECK(judge_plain_answer(body).kind == PlainAnswer::failure);
  }
}

TEST_CASE("what is no JSON object cannot be read") {
  for (const Bytes body : {"",
                           " ",
                           "null",
                           "[{\"error\":1}]",
                           "\"text\"",
                           "<html><body>502</body></html>",
                           "{\"a\":1",
                           "{\"a\":1}{}",
                           "{'a':1}",
                           "{\"a\":01}"}) {
    CAPTURE(body);
    CHECK(judge_plain_answer(body).kind == PlainAnswer::unreadable);
  }
}

}  // namespace headrace::dialect
