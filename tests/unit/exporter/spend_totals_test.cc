// Goal: no token and no picodollar is lost, counted twice or charged to somebody else.
#include "exporter/spend_totals.h"

#include <doctest/doctest.h>

#include <limits>

#include "totals.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::ExpositionCheck;
using exporter_test::scrape;
using exporter_test::some_names;
using exporter_test::with_tokens;

namespace {

Record attempt(std::uint16_t route, std::uint32_t target, std::uint16_t upstream_status = 200) {
  Record record = exporter_test::attempt(1);
  record.route = route;
  record.target = target;
  record.upstream_status = upstream_status;
  return record;
}

Record costing(Record record, std::int64_t picodollars, std::uint32_t flags = 0) {
  record.cost_picodollars = picodollars;
  record.flags = flags;
  return record;
}

}  // namespace

TEST_CASE("sums of money are exact to the picodollar and do not overflow") {
  Money money;
  CHECK(money.dollars() == 0);
  for (int i = 0; i < 3; ++i) money.add(400'000'000'001);
  CHECK(money.dollars() == doctest::Approx(1.200000000003).epsilon(1e-15));
  for (int i = 0; i < 1'000'000; ++i) money.add(1);
  CHECK(money.dollars() == doctest::Approx(1.200001000003).epsilon(1e-15));
  Money much;
  for (int i = 0; i < 10; ++i) much.add(std::numeric_limits<std::int64_t>::max());
  CHECK(much.dollars() == doctest::Approx(92'233'720.36854775807).epsilon(1e-15));
}

TEST_CASE("tokens and cost are of the route and target whose attempt they were") {
  const Names names = some_names();
  SpendTotals totals;
  const Record first = with_tokens(
      attempt(0, 0),
      {{TokenClass::input, 100}, {TokenClass::cache_read, 40}, {TokenClass::output, 7}});
  totals.add_attempt(costing(first, 250'000'000), names);
  totals.add_attempt(costing(first, 250'000'000), names);
  totals.add_attempt(
      costing(with_tokens(attempt(1, 0), {{TokenClass::reasoning, 9}, {TokenClass::output, 0}}), 0),
      names);
  totals.add_attempt(with_tokens(attempt(0, 1), {{TokenClass::input, UINT32_MAX - 1}}), names);
  totals.add_attempt(with_tokens(attempt(0, 1), {{TokenClass::input, UINT32_MAX - 1}}), names);

  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  const auto tokens = [&](const std::string& labels) {
    return text.value("headrace_tokens_total{" + labels + ",estimated=\"false\"}");
  };
  CHECK(tokens(R"(route="fast",target="openai",type="input")") == 200);
  CHECK(tokens(R"(route="fast",target="openai",type="cache_read")") == 80);
  CHECK(tokens(R"(route="fast",target="openai",type="output")") == 14);
  CHECK(tokens(R"(route="smart",target="openai",type="reasoning")") == 9);
  CHECK(tokens(R"(route="fast",target="groq",type="input")") == 2.0 * (UINT32_MAX - 1));
  CHECK(text.value(R"(headrace_cost_usd_total{route="fast",target="openai"})") == 0.0005);
  CHECK(text.value(R"(headrace_cost_usd_total{route="smart",target="openai"})") == 0);
  CHECK_FALSE(text.value(R"(headrace_cost_usd_total{route="fast",target="groq"})").has_value());
}

TEST_CASE("what we estimated is told apart from what the provider counted") {
  const Names names = some_names();
  SpendTotals totals;
  Record record = with_tokens(attempt(0, 0), {{TokenClass::output, 5}});
  totals.add_attempt(record, names);
  record.flags = record_flag::kUsageEstimated;
  record.tokens[static_cast<std::size_t>(TokenClass::output)] = 3;
  totals.add_attempt(record, names);
  const ExpositionCheck text = scrape(totals, names);
  const std::string output = R"(headrace_tokens_total{route="fast",target="openai",type="output",)";
  CHECK(text.value(output + R"(estimated="false"})") == 5);
  CHECK(text.value(output + R"(estimated="true"})") == 3);
}

TEST_CASE("how much of the usage and of the prices is known is counted") {
  const Names names = some_names();
  SpendTotals totals;
  const Record used = with_tokens(attempt(0, 0), {{TokenClass::output, 5}});
  totals.add_attempt(used, names);               // no price
  totals.add_attempt(costing(used, 10), names);  // from the list
  totals.add_attempt(costing(used, 10, record_flag::kCostUncertain), names);
  totals.add_attempt(costing(used, 10, record_flag::kCostReported), names);
  totals.add_attempt(costing(used, 10, record_flag::kUsageEstimated), names);
  totals.add_attempt(attempt(0, 0), names);       // answered, and said nothing
  totals.add_attempt(attempt(0, 0, 500), names);  // not answered: nothing is missing
  totals.add_attempt(attempt(0, 0, 0), names);
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  const auto usage = [&](const std::string& source) {
    return text.value(R"(headrace_attempt_usage_total{target="openai",source=")" + source + "\"}");
  };
  CHECK(usage("provider") == 4);
  CHECK(usage("estimate") == 1);
  CHECK(usage("none") == 1);
  const auto prices = [&](const std::string& source) {
    return text.value(R"(headrace_attempt_prices_total{target="openai",source=")" + source + "\"}");
  };
  CHECK(prices("list") == 2);
  CHECK(prices("uncertain") == 1);
  CHECK(prices("provider") == 1);
  CHECK(prices("none") == 2);
}

TEST_CASE("keys are charged for their requests, and nobody is for requests without one") {
  const Names names = some_names();
  SpendTotals totals;
  Record record = costing(
      with_tokens(exporter_test::request(1), {{TokenClass::input, 11}, {TokenClass::output, 2}}),
      5'000'000'000'000);
  totals.add_request(record, names);
  record.key = 1;
  totals.add_request(record, names);
  totals.add_request(record, names);
  record.key = 0;
  record.flags = record_flag::kUsageEstimated;
  totals.add_request(record, names);
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(R"(headrace_key_tokens_total{key="bob",type="input",estimated="false"})") == 22);
  CHECK(text.value(R"(headrace_key_tokens_total{key="alice",type="input",estimated="true"})") ==
        11);
  CHECK(text.value(R"(headrace_key_cost_usd_total{key="bob"})") == 10);
  CHECK(text.sum("headrace_key_cost_usd_total") == 15);
  CHECK(text.sum("headrace_cost_usd_total") == 0);  // those are of attempts
}
