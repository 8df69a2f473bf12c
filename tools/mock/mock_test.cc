// Goal: what people write on the mock's command line means what the help says. Method: parse, draw
// with a fixed seed, compare with the distribution's own figures.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "distribution.h"
#include "fault.h"

namespace headrace::mock {
namespace {

using Unit = Distribution::Unit;
using Action = Fault::Action;

std::vector<std::int64_t> sorted_draws(std::string_view text, Unit unit, std::size_t count) {
  base::Prng random(7);
  const auto distribution = Distribution::parse(text, unit);
  REQUIRE(distribution.has_value());
  std::vector<std::int64_t> draws;
  draws.reserve(count);
  for (std::size_t i = 0; i < count; ++i) draws.push_back(distribution->draw(random));
  std::sort(draws.begin(), draws.end());
  return draws;
}

TEST_CASE("a time takes its unit and nothing else") {
  CHECK(parse_time("250us") == 250'000);
  CHECK(parse_time("20ms") == 20'000'000);
  CHECK(parse_time("1.5s") == 1'500'000'000);
  CHECK(parse_time("0") == 0);
  for (const char* text : {"", "s", "20", "-1s", "1h", "1 s", "nan s", "infs", "1e99s"}) {
    CAPTURE(text);
    CHECK(!parse_time(text).has_value());
  }
}

TEST_CASE("draws follow the figures they were written with") {
  CHECK(sorted_draws("300ms", Unit::time, 3).front() == 300'000'000);
  CHECK(sorted_draws("const:7", Unit::count, 3).back() == 7);
  const auto uniform = sorted_draws("uniform:10,20", Unit::count, 10'000);
  CHECK(uniform.front() == 10);
  CHECK(uniform.back() == 20);
  const auto lognormal = sorted_draws("lognormal:500ms,2s", Unit::time, 20'000);
  CHECK(static_cast<double>(lognormal[10'000]) == doctest::Approx(500e6).epsilon(0.05));
  CHECK(static_cast<double>(lognormal[19'800]) == doctest::Approx(2e9).epsilon(0.1));
  const auto exponential = sorted_draws("exp:100ms", Unit::time, 20'000);
  CHECK(static_cast<double>(exponential[10'000]) == doctest::Approx(69.3e6).epsilon(0.05));
  const auto normal = sorted_draws("normal:10ms,5ms", Unit::time, 20'000);
  CHECK(static_cast<double>(normal[10'000]) == doctest::Approx(10e6).epsilon(0.05));
  CHECK(normal.front() == 0);  // clamped: no token arrives before it was asked for
}

TEST_CASE("a distribution with a wrong number of figures or wrong order is refused") {
  for (const char* text : {"uniform:1",
                           "const:1,2",
                           "uniform:20,10",
                           "lognormal:0,5",
                           "lognormal:5,1",
                           "normal:",
                           "poisson:3",
                           "exp:-1",
                           ""}) {
    CAPTURE(text);
    CHECK(!Distribution::parse(text, Unit::count).has_value());
  }
}

TEST_CASE("every action of the help parses to what it says") {
  CHECK(parse_fault("refuse")->action == Action::refuse);
  CHECK(parse_fault("http=429,retry-after-ms=250") ==
        Fault{.action = Action::http, .status = 429, .retry_after_ms = 250});
  CHECK(parse_fault("http=429,retry-after=2")->retry_after_s == 2);
  CHECK(parse_fault("error=402") == parse_fault("error-402"));
  CHECK(parse_fault("error-429,code=insufficient_quota,retry-after=9") ==
        Fault{.action = Action::http,
              .status = 429,
              .code = "insufficient_quota",
              .real = true,
              .retry_after_s = 9});
  CHECK(parse_fault("html=200") == Fault{.action = Action::html, .status = 200});
  CHECK(parse_fault("empty") == Fault{.action = Action::empty});
  CHECK(parse_fault("error-first,status=429") ==
        Fault{.action = Action::error_first, .status = 429});
  CHECK(parse_fault("error-event@tok=2,code=overloaded") ==
        Fault{.action = Action::error_event, .code = "overloaded", .token = 2});
  CHECK(parse_fault("stall@tok=7,for=10s") ==
        Fault{.action = Action::stall, .token = 7, .time = 10'000'000'000});
  CHECK(parse_fault("keepalive-only=1s") ==
        Fault{.action = Action::keepalive_only, .time = 1'000'000'000});
  CHECK(parse_fault("eof@mid-event") == Fault{.action = Action::eof_mid_event, .token = 1});
  CHECK(parse_fault("eof@mid-event=4") == Fault{.action = Action::eof_mid_event, .token = 4});
  CHECK(parse_fault("reset@tok=0")->action == Action::reset);
  CHECK(parse_fault("split=1B") == Fault{.action = Action::split, .count = 1});
  CHECK(parse_fault("coalesce=8") == Fault{.action = Action::coalesce, .count = 8});
}

TEST_CASE("a fault that is not in the help is refused") {
  for (const char* text : {"",
                           "explode",
                           "http",
                           "http=200",
                           "http=600",
                           "stall@tok",
                           "stall@tok=x",
                           "refuse=1",
                           "reset@tok=3,for=1s",
                           "http=429,for=1s",
                           "http=429,code=insufficient_quota",
                           "http=429,status=500",
                           "error-429,code=made_up",
                           "error-",
                           "error-x",
                           "error-200",
                           "html=199",
                           "empty=1",
                           "error-first,retry-after=1",
                           "split=0B",
                           "keepalive-only=0",
                           "coalesce=",
                           "eof@mid-event="}) {
    CAPTURE(text);
    CHECK(!parse_fault(text).has_value());
  }
}

TEST_CASE("a rule picks its share of requests, and the first rule that picks wins") {
  const std::vector<FaultRule> rules = {*parse_fault_rule("25%: refuse"),
                                        *parse_fault_rule("50% : http=503")};
  base::Prng random(3);
  int refused = 0;
  int failed = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    const Action action = draw_fault(rules, random).action;
    refused += action == Action::refuse;
    failed += action == Action::http;
  }
  CHECK(refused / double{kDraws} == doctest::Approx(0.25).epsilon(0.05));
  CHECK(failed / double{kDraws} == doctest::Approx(0.375).epsilon(0.05));
  CHECK(parse_fault_rule("refuse")->share == 1);
  for (const char* text : {"101%: refuse", "-1%: refuse", "x%: refuse", "5% refuse", "%: refuse"}) {
    CAPTURE(text);
    CHECK(!parse_fault_rule(text).has_value());
  }
}

}  // namespace
}  // namespace headrace::mock
