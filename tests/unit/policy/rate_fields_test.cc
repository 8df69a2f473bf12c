// Goal: a client reads from the answer what it has left and when to come back. Method: whole texts.
#include "policy/rate_fields.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace headrace::policy {
namespace {

constexpr Nanos kNow = 60 * base::kSecond;

std::string fields_of(const KeyLimits& limits, const Bounds& bounds, const Refusal* refusal) {
  std::array<char, kRateFieldsBytes> out;
  return std::string(write_rate_fields(limits, bounds, kNow, refusal, out));
}

TEST_CASE("an answer tells what is left of the bounds that there are") {
  KeyLimits limits;
  REQUIRE(limits.requests.take(1, 10, kNow));
  CHECK(fields_of(limits, {.requests = 10, .tokens = 500, .concurrency = 3}, nullptr) ==
        "x-ratelimit-limit-requests: 10\r\n"
        "x-ratelimit-remaining-requests: 9\r\n"
        "x-ratelimit-reset-requests: 60000ms\r\n"
        "x-ratelimit-limit-tokens: 500\r\n"
        "x-ratelimit-remaining-tokens: 500\r\n"
        "x-ratelimit-reset-tokens: 0ms\r\n");
  CHECK(fields_of(limits, {}, nullptr).empty());
}

TEST_CASE("a refusal tells its scope and when to come back, rounded up") {
  KeyLimits limits;
  const Refusal refusal{Scope::tokens, {500, 3, 2 * base::kSecond + 1}, 2 * base::kSecond + 1};
  CHECK(fields_of(limits, {.requests = 0, .tokens = 500, .concurrency = 0}, &refusal) ==
        "x-ratelimit-limit-tokens: 500\r\n"
        "x-ratelimit-remaining-tokens: 3\r\n"
        "x-ratelimit-reset-tokens: 2001ms\r\n"
        "x-ratelimit-scope: tokens\r\n"
        "retry-after: 3\r\n"
        "retry-after-ms: 2001\r\n");
  const Refusal busy{Scope::concurrency, {2, 0, base::kSecond}, base::kSecond};
  CHECK(fields_of(limits, {.requests = 0, .tokens = 0, .concurrency = 2}, &busy) ==
        "x-ratelimit-limit-concurrency: 2\r\n"
        "x-ratelimit-remaining-concurrency: 0\r\n"
        "x-ratelimit-reset-concurrency: 1000ms\r\n"
        "x-ratelimit-scope: concurrency\r\n"
        "retry-after: 1\r\n"
        "retry-after-ms: 1000\r\n");
}

TEST_CASE("who asks for more than there ever is, is told not to try again") {
  KeyLimits limits;
  const Refusal refusal{Scope::tokens, {500, 500, 0}, base::kNever};
  const std::string fields =
      fields_of(limits, {.requests = 0, .tokens = 500, .concurrency = 0}, &refusal);
  CHECK(fields.find("x-should-retry: false\r\n") != std::string::npos);
  CHECK(fields.find("retry-after") == std::string::npos);
}

TEST_CASE("the largest numbers fit the room") {
  KeyLimits limits;
  const Refusal refusal{Scope::concurrency, {UINT64_MAX, UINT64_MAX, INT64_MAX / 2}, INT64_MAX / 2};
  const Bounds most{.requests = 1u << 30, .tokens = 1u << 31, .concurrency = UINT64_MAX};
  CHECK(fields_of(limits, most, &refusal).size() < kRateFieldsBytes);
}

}  // namespace
}  // namespace headrace::policy
