// Goal: what a provider says an answer cost is read to the picodollar, whatever number it is
// written as, and what is no sum of money is nothing.
#include "dialect/reported_cost.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "headrace/record.h"

namespace headrace::dialect {
namespace {

std::int64_t cost_of(const std::string& usage) {
  std::array<json::Node, 64> nodes;
  REQUIRE(json::write_tape(usage, nodes).ok());
  const json::Value value(usage.data(), nodes.data());
  return reported_cost(
      {value.member("cost"), value.member("cost_in_usd_ticks"), value.member("estimated_cost")});
}

TEST_CASE("dollars are counted in picodollars, however they are written") {
  CHECK(picodollars_of("1") == 1'000'000'000'000);
  CHECK(picodollars_of("0.00123") == 1'230'000'000);
  CHECK(picodollars_of("1.5e-05") == 15'000'000);
  CHECK(picodollars_of("25E-1") == 2'500'000'000'000);
  CHECK(picodollars_of("1e+2") == 100'000'000'000'000);
  CHECK(picodollars_of("0") == 0);
  CHECK(picodollars_of("0.0") == 0);
  CHECK(picodollars_of("0e99999999999") == 0);
  CHECK(picodollars_of("0.0000000000019") == 1);  // less than one is cut off
  CHECK(picodollars_of("19e-13") == 1);
  CHECK(picodollars_of("0.12345678901234567890123456789") == 123'456'789'012);
  CHECK(picodollars_of("1e-99999999999") == 0);
}

TEST_CASE("what is no sum of money is nothing") {
  for (const char* text : {"-1",
                           "-0.5",
                           "1e99",
                           "1e99999999999",
                           "900001",
                           "",
                           "x",
                           "1.x",
                           "99999999999999999999999999999999"}) {
    CAPTURE(text);
    CHECK(picodollars_of(text) == kNoCost);
  }
}

TEST_CASE("every provider's way to say it is known") {
  CHECK(cost_of(R"({"cost":0.5})") == 500'000'000'000);
  CHECK(cost_of(R"({"cost":{"input_tokens_cost":0.1,"total_cost":0.25}})") == 250'000'000'000);
  CHECK(cost_of(R"({"cost_in_usd_ticks":12345})") == 1'234'500);
  CHECK(cost_of(R"({"estimated_cost":1e-6})") == 1'000'000);
  CHECK(cost_of(R"({"cost":null,"estimated_cost":null})") == kNoCost);
  CHECK(cost_of(R"({"cost":"0.5"})") == kNoCost);
  CHECK(cost_of(R"({"cost":{}})") == kNoCost);
  CHECK(cost_of(R"({"cost_in_usd_ticks":18446744073709551615})") == kNoCost);
  CHECK(cost_of("{}") == kNoCost);
}

}  // namespace
}  // namespace headrace::dialect
