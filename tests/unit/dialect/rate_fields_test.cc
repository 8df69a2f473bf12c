// Goal: what is left of a limit is told in the words of the client's family. Method: each row both
// ways, and moments and lengths that have been seen or that break parsers.
#include "dialect/rate_fields.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace headrace::dialect {
namespace {

constexpr std::int64_t kNoon = 1795176000;  // 2026-11-20T12:00:00Z

std::string as_length(Bytes moment) {
  std::array<char, 32> out;
  return std::string(moment_as_length(moment, kNoon, out));
}
std::string as_moment(Bytes length) {
  std::array<char, 32> out;
  return std::string(length_as_moment(length, kNoon, out));
}

TEST_CASE("fields are found by the name of either family") {
  const RateField* row =
      find_rate_field(api::Family::anthropic, "anthropic-ratelimit-tokens-reset");
  REQUIRE(row != nullptr);
  CHECK(row->openai == "x-ratelimit-reset-tokens");
  CHECK(row->reset);
  CHECK(find_rate_field(api::Family::openai, "x-ratelimit-reset-tokens") == row);
  CHECK(find_rate_field(api::Family::openai, "x-ratelimit-reset") == nullptr);
  CHECK(find_rate_field(api::Family::anthropic, "x-ratelimit-reset-tokens") == nullptr);
}

TEST_CASE("a moment becomes the length of the wait") {
  CHECK(as_length("2026-11-20T12:00:07Z") == "7s");
  CHECK(as_length("2026-11-20T12:06:00.5Z") == "6m0s");
  CHECK(as_length("2026-11-20T14:00:30+02:00") == "30s");
  CHECK(as_length("2026-11-20T11:00:00Z") == "0s");
  CHECK(as_length("soon").empty());
  CHECK(as_length("2026-13-01T00:00:00Z").empty());
  CHECK(as_length("2026-11-20T12:00:07").empty());
  CHECK(as_length("").empty());
}

TEST_CASE("a length becomes the moment when it is over, rounded up to a second") {
  CHECK(as_moment("6m0s") == "2026-11-20T12:06:00Z");
  CHECK(as_moment("12ms") == "2026-11-20T12:00:01Z");
  CHECK(as_moment("7.66s") == "2026-11-20T12:00:08Z");
  CHECK(as_moment("1h30m") == "2026-11-20T13:30:00Z");
  CHECK(as_moment("12h1s") == "2026-11-21T00:00:01Z");
  CHECK(as_moment("30") == "2026-11-20T12:00:30Z");
  CHECK(as_moment("5 apples").empty());
  CHECK(as_moment("s").empty());
  CHECK(as_moment("999999999h").empty());
  CHECK(as_moment("").empty());
}

}  // namespace
}  // namespace headrace::dialect
