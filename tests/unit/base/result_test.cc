// Goal: success and failure cannot be mistaken for each other, and HEADRACE_TRY hands the first
// failure up.
#include "base/result.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace headrace::base {
namespace {

const Error kRefused = upstream_error(Errc::connect_failed, 111);

TEST_CASE("a status is fine until it holds an error") {
  const Status fine;
  CHECK(fine.ok());
  CHECK(static_cast<bool>(fine));
  const Status refused = kRefused;
  CHECK_FALSE(refused.ok());
  CHECK_FALSE(static_cast<bool>(refused));
  CHECK(refused.error() == kRefused);
}

TEST_CASE("a result holds its value or its error") {
  Result<std::string> text = std::string("value");
  REQUIRE(text.ok());
  CHECK(*text == "value");
  CHECK(text->size() == 5);
  text.value() += "s";
  CHECK(text.value() == "values");

  const Result<std::string> refused = kRefused;
  CHECK_FALSE(refused.ok());
  CHECK(refused.error() == kRefused);
}

TEST_CASE("a result carries a value that can only be moved") {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(7);
  REQUIRE(made.ok());
  const std::unique_ptr<int> taken = std::move(*made);
  CHECK(*taken == 7);
}

Status step(int number, int fails_at, int& last) {
  last = number;
  return number == fails_at ? Status(kRefused) : Status();
}

Status three_steps(int fails_at, int& last) {
  HEADRACE_TRY(step(1, fails_at, last));
  HEADRACE_TRY(step(2, fails_at, last));
  HEADRACE_TRY(step(3, fails_at, last));
  return {};
}

TEST_CASE("HEADRACE_TRY stops at the first failure and passes it up") {
  int last = 0;
  CHECK(three_steps(0, last).ok());
  CHECK(last == 3);
  const Status status = three_steps(2, last);
  CHECK_FALSE(status.ok());
  CHECK(status.error() == kRefused);
  CHECK(last == 2);
}

}  // namespace
}  // namespace headrace::base
