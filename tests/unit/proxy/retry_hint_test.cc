// Goal: what a provider says about trying again is read in every form it may take, and nonsense is
// nothing. Method: fields by hand.
#include "proxy/retry_hint.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>

#include "parsed_fields.h"

namespace headrace::test {
namespace {

using base::kMillisecond;
using base::kSecond;

constexpr std::int64_t kNow = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT

proxy::RetryHint hint(std::initializer_list<std::pair<const char*, const char*>> lines) {
  ParsedFields head;
  for (const auto& [name, value] : lines) head.add(name, value);
  return proxy::read_retry_hint(head.fields, head.text, kNow);
}

}  // namespace

TEST_CASE("seconds, parts of seconds and milliseconds are understood") {
  CHECK(hint({{"Retry-After", "7"}}).after == 7 * kSecond);
  CHECK(hint({{"retry-after", "0.25"}}).after == 250 * kMillisecond);
  CHECK(hint({{"retry-after-ms", "1500"}}).after == 1500 * kMillisecond);
  CHECK(hint({{"retry-after-ms", "0"}}).after == 0);
  CHECK(hint({{"retry-after", "1"}, {"retry-after-ms", "20"}}).after == 20 * kMillisecond);
}

TEST_CASE("an HTTP date is the time until then, and none when it has passed") {
  CHECK(hint({{"retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"}}).after == 10 * kSecond);
  CHECK(hint({{"retry-after", "Sun, 06 Nov 1994 08:49:07 GMT"}}).after == 0);
}

TEST_CASE("who asks for more than a day gets a day") {
  CHECK(hint({{"retry-after", "99999999999999"}}).after == 24 * 3600 * kSecond);
  CHECK(hint({{"retry-after", "Sun, 06 Nov 2094 08:49:37 GMT"}}).after == 24 * 3600 * kSecond);
}

TEST_CASE("what cannot be read says nothing") {
  for (const char* value : {"",
                            "soon",
                            "-1",
                            "1,5",
                            "1e3",
                            "0x10",
                            "1.2.3",
                            "Sun, 06 Nop 1994 08:49:47 GMT",
                            "Sun, 46 Nov 1994 08:49:47 GMT",
                            "Sun, 06 Nov 1994 08:49:47 CET",
                            "18446744073709551616"}) {
    CAPTURE(value);
    CHECK(hint({{"retry-after", value}}).after == -1);
  }
  CHECK(hint({}).after == -1);
  CHECK(hint({}).may_retry);
}

TEST_CASE("x-should-retry forbids, and nothing else does") {
  CHECK_FALSE(hint({{"x-should-retry", "False"}}).may_retry);
  CHECK(hint({{"x-should-retry", "true"}}).may_retry);
  CHECK(hint({{"x-should-retry", ""}}).may_retry);
}

}  // namespace headrace::test
