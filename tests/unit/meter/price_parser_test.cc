// Goal: a price file with a mistake is refused whole, in words that lead to the mistake. Method:
// small files, each with one.
#include <doctest/doctest.h>

#include <string>

#include "meter/prices.h"

namespace headrace::meter {
namespace {

std::string fault_of(const std::string& models, const std::string& more = "") {
  std::string fault;
  const auto table =
      PriceTable::parse(R"({"format": "headrace-prices/1", "as_of": "2026-01-01", )" + more +
                            R"("models": [)" + models + "]}",
                        fault);
  CHECK(table.has_value() == fault.empty());
  return fault;
}

}  // namespace

TEST_CASE("a file with every feature is read") {
  CHECK(fault_of(R"({"provider": "p", "model": "m", "aliases": ["n"], "input": 5, "output": 7,
                     "tiers": [{"above": 10, "input": 6}, {"above": 20, "input": 7}],
                     "schedule": [{"since": "2026-02-28"}, {"from": "23:00", "to": "01:00"}]})",
                 R"("unpriced": ["p/x"], "service_tiers": [{"provider": "p", "tier": "t",
                     "percent": 50, "verified": true}],)") == "");
}

TEST_CASE("a window across midnight holds on both sides of it") {
  std::string fault;
  const auto table = PriceTable::parse(R"({"format": "headrace-prices/1", "models": [
      {"provider": "p", "model": "m", "input": 1,
       "schedule": [{"from": "23:00", "to": "01:00", "input": 2}]}]})",
                                       fault);
  REQUIRE_MESSAGE(table.has_value(), fault);
  api::Usage usage;
  usage.set(TokenClass::input, 1);
  const auto at = [&](std::uint64_t minute) {
    return table->cost(table->find("p", "m"), usage, minute * 60 * 1'000'000'000);
  };
  CHECK(at(0) == 2);
  CHECK(at(59) == 2);
  CHECK(at(60) == 1);
  CHECK(at(23 * 60 - 1) == 1);
  CHECK(at(23 * 60) == 2);
}

TEST_CASE("mistakes are told with their place") {
  CHECK(fault_of("") == "`models` is missing or empty");
  CHECK(fault_of("7").starts_with("models[0]: no JSON object"));
  CHECK(fault_of(R"({"model": "m"})") == "models[0]: needs `provider` and `model`");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "input": 1.5})") ==
        "models[0]: `input` is no whole number of picodollars");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "output": 1000000000001})") ==
        "models[0]: `output` is no whole number of picodollars");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "input": 1, "input": 1})")
            .starts_with("models[0]: no JSON object with each key once"));
  CHECK(fault_of(R"({"provider": "p", "model": "m", "aliases": "n"})") ==
        "models[0] (p/m): `aliases` is no list");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "tiers": [{"input": 1}]})") ==
        "models[0] (p/m).tiers[0]: needs `above`, a number of tokens");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "tiers": [{"above": 2}, {"above": 2}]})") ==
        "models[0] (p/m).tiers[1]: tiers must ascend");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "schedule": [{"since": "2026-02-30"}]})") ==
        "models[0] (p/m).schedule[0]: `since` is no date");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "schedule": [{"from": "01:00"}]})") ==
        "models[0] (p/m).schedule[0]: `from` and `to` are no window of a day");
  CHECK(fault_of(R"({"provider": "p", "model": "m", "schedule": [{}]})") ==
        "models[0] (p/m).schedule[0]: needs `from` and `to`, or `since`");
  CHECK(fault_of(R"({"provider": "p", "model": "m"}, {"provider": "p", "model": "m"})") ==
        "p/m stands in it twice");
  CHECK(fault_of(R"({"provider": "p", "model": "m"})", R"("unpriced": ["p"],)") ==
        "unpriced[0]: is not \"provider/model\"");
  CHECK(fault_of(R"({"provider": "p", "model": "m"})",
                 R"("service_tiers": [{"provider": "p", "tier": "t", "percent": 10001}],)") ==
        "service_tiers[0]: `percent` is no number up to 10000");
  std::string fault;
  CHECK_FALSE(PriceTable::parse(R"({"format": "other/1", "models": []})", fault).has_value());
  CHECK(fault == "`format` is not \"headrace-prices/1\"");
  CHECK_FALSE(PriceTable::parse("", fault).has_value());
}

}  // namespace headrace::meter
