// Goal: of an answer's head exactly the named fields reach the client, in its own family's names.
// Method: heads by hand, both families, with and without limits of the key's own.
#include "proxy/answer_fields.h"

#include <doctest/doctest.h>

#include <string>

#include "parsed_fields.h"

namespace headrace::test {
namespace {

using api::Family;

constexpr std::int64_t kNow = 1'795'000'000;  // 2026-11-18T11:06:40Z

std::string kept(const ParsedFields& head, const proxy::AnswerFieldRules& rules) {
  io::BlockPool blocks;
  return std::string(proxy::keep_answer_fields(head.fields, head.text, rules, kNow, blocks).view());
}

ParsedFields openai_head() {
  ParsedFields head;
  head.add("Content-Type", "application/json");
  head.add("x-ratelimit-remaining-requests", "5");
  head.add("x-ratelimit-reset-tokens", "6m0s");
  head.add("openai-version", "v");
  head.add("x-request-id", "r");
  head.add("set-cookie", "c");
  head.add("x-should-retry", "true");
  head.add("retry-after", "3");
  return head;
}

}  // namespace

TEST_CASE("an answer of the same family keeps its fields and their names") {
  CHECK(kept(openai_head(), {}) ==
        "Content-Type: application/json\r\nx-ratelimit-remaining-requests: 5\r\n"
        "x-ratelimit-reset-tokens: 6m0s\r\nopenai-version: v\r\nx-request-id: r\r\n"
        "x-should-retry: true\r\nretry-after: 3\r\n");
}

TEST_CASE("a key with limits of its own does not see the provider's") {
  ParsedFields head = openai_head();
  head.add("anthropic-ratelimit-requests-limit", "1");
  head.add("x-tokenlimit-limit", "1");
  CHECK(kept(head, {.key_limited = true}) ==
        "Content-Type: application/json\r\nopenai-version: v\r\nx-request-id: r\r\n"
        "x-should-retry: true\r\nretry-after: 3\r\n");
}

TEST_CASE("for a client of the other family limits take its names and its way to tell time") {
  CHECK(kept(openai_head(), {.provider = Family::openai, .translated = true}) ==
        "anthropic-ratelimit-requests-remaining: 5\r\n"
        "anthropic-ratelimit-tokens-reset: 2026-11-18T11:12:40Z\r\nx-request-id: r\r\n"
        "x-should-retry: true\r\nretry-after: 3\r\n");
  ParsedFields head;
  head.add("content-type", "application/json");
  head.add("Anthropic-RateLimit-Tokens-Remaining", "9");
  head.add("anthropic-ratelimit-requests-reset", "2026-11-18T11:07:40Z");
  head.add("anthropic-ratelimit-input-tokens-limit", "4");
  head.add("anthropic-organization-id", "o");
  head.add("request-id", "r");
  CHECK(kept(head, {.provider = Family::anthropic, .translated = true}) ==
        "x-ratelimit-remaining-tokens: 9\r\nx-ratelimit-reset-requests: 1m0s\r\nrequest-id: r\r\n");
}

TEST_CASE("a field that does not fit is left out whole, those behind it are not") {
  ParsedFields head;
  head.add("openai-x", std::string(3000, 'x'));
  head.add("request-id", "r");
  CHECK(kept(head, {}) == "request-id: r\r\n");
}

}  // namespace headrace::test
