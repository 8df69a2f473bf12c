// Goal: every attempt is counted once, with what it followed on. Method: the records of requests as
// a worker pushes them, mixed with those of others; exposition out, read back.
#include "exporter/attempt_totals.h"

#include <doctest/doctest.h>

#include "totals.h"

using namespace headrace;
using namespace headrace::exporter;
using base::Blame;
using base::Errc;
using exporter_test::ExpositionCheck;
using exporter_test::failed;
using exporter_test::scrape;
using exporter_test::some_names;

namespace {

constexpr std::uint32_t kOpenai = 0;
constexpr std::uint32_t kGroq = 1;

Record attempt(std::uint64_t number, std::uint8_t which, std::uint32_t target) {
  Record record = exporter_test::attempt(number, which);
  record.target = target;
  return record;
}

Record refused(std::uint64_t number,
               std::uint8_t which,
               std::uint32_t target,
               std::uint16_t status) {
  return failed(attempt(number, which, target), Errc::upstream_status, Blame::upstream, status);
}

}  // namespace

TEST_CASE("attempts are counted by target and result, and timed") {
  const Names names = some_names();
  AttemptTotals totals;
  Record record = attempt(1, 0, kGroq);
  record.dispatched_ns = 30'000;
  record.connected_ns = 34'000;
  record.request_sent_ns = 40'000;
  record.first_useful_event_ns = 260'000'000;
  record.upstream_wait_ns = 420'000'000;
  record.flags = record_flag::kReusedConnection;
  totals.add(record, names);
  record = failed(attempt(2, 0, kOpenai), Errc::connect_timeout, Blame::upstream);
  record.dispatched_ns = 30'000;
  totals.add(record, names);
  record.error = 200;  // no code of ours: a number that a newer writer may use
  totals.add(record, names);
  record.error = 201;
  totals.add(record, names);

  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  const auto count = [&](const std::string& target, const std::string& result) {
    return text.value("headrace_attempts_total{target=\"" + target +
                      "\",reason=\"primary\",result=\"" + result + "\"}");
  };
  CHECK(count("groq", "ok") == 1);
  CHECK(count("openai", "upstream_connect_timeout") == 1);
  CHECK(count("openai", "unknown") == 2);
  CHECK(text.value(R"(headrace_upstream_acquire_seconds_bucket{reused="true",le="5e-06"})") == 1);
  CHECK(text.value(R"(headrace_upstream_acquire_seconds_count{reused="false"})") == 0);
  CHECK(text.value(R"(headrace_upstream_ttft_seconds_bucket{target="groq",le="0.3"})") == 1);
  CHECK(text.value(R"(headrace_upstream_wait_seconds_bucket{target="groq",le="0.4"})") == 0);
  CHECK(text.value(R"(headrace_upstream_wait_seconds_bucket{target="groq",le="0.5"})") == 1);
}

TEST_CASE("a failover says from where, to where and why, a retry why, each of its own request") {
  const Names names = some_names();
  AttemptTotals totals;
  // Two requests at once: 1 fails over, 2 tries the same target again.
  totals.add(refused(1, 0, kOpenai, 429), names);
  totals.add(failed(attempt(2, 0, kGroq), Errc::upstream_closed, Blame::upstream), names);
  totals.add(attempt(3, 0, kOpenai), names);
  totals.end_request(exporter_test::request(3));
  totals.add(attempt(2, 1, kGroq), names);
  totals.end_request(exporter_test::request(2));
  totals.add(failed(attempt(1, 1, kGroq), Errc::first_token_timeout, Blame::upstream), names);
  totals.add(attempt(1, 2, kOpenai), names);
  totals.end_request(exporter_test::request(1));

  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(R"(headrace_failovers_total{from="openai",to="groq",cause="rate_limited"})") ==
        1);
  CHECK(text.value(
            R"(headrace_failovers_total{from="groq",to="openai",cause="first_token_timeout"})") ==
        1);
  CHECK(text.sum("headrace_failovers_total") == 2);
  CHECK(text.value(R"(headrace_retries_total{target="groq",cause="upstream_disconnected"})") == 1);
  CHECK(text.sum("headrace_retries_total") == 1);
  const auto count = [&](const std::string& labels) {
    return text.value("headrace_attempts_total{" + labels + "}");
  };
  CHECK(count(R"(target="openai",reason="primary",result="upstream_status")") == 1);
  CHECK(count(R"(target="openai",reason="primary",result="ok")") == 1);
  CHECK(count(R"(target="groq",reason="retry",result="ok")") == 1);
  CHECK(count(R"(target="groq",reason="failover",result="first_token_timeout")") == 1);
  CHECK(count(R"(target="openai",reason="failover",result="ok")") == 1);
  CHECK(text.sum("headrace_attempts_total") == 6);
}

TEST_CASE("what an attempt followed on is unknown when that record was lost") {
  const Names names = some_names();
  AttemptTotals totals;
  totals.add(attempt(1, 1, kGroq), names);
  totals.add(refused(2, 0, kOpenai, 500), names);
  totals.add(attempt(2, 2, kGroq), names);  // the second was lost
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.value(R"(headrace_attempts_total{target="groq",reason="unknown",result="ok"})") == 2);
  CHECK(text.sum("headrace_failovers_total") == 0);
}

TEST_CASE("when a request is over its attempts are forgotten") {
  const Names names = some_names();
  AttemptTotals totals;
  totals.add(refused(1, 0, kOpenai, 500), names);
  Record request = exporter_test::request(1);
  SUBCASE("that failed") {
    request.error = 1;
  }
  SUBCASE("that had several") {
    request.attempts = 2;
  }
  SUBCASE("that ended in a refusal of the provider's") {
    request.upstream_status = 500;
  }
  totals.end_request(request);
  totals.add(attempt(1, 1, kGroq), names);
  CHECK(scrape(totals, names)
            .value(R"(headrace_attempts_total{target="groq",reason="unknown",result="ok"})") == 1);
}

TEST_CASE("a hedge is no failover") {
  const Names names = some_names();
  AttemptTotals totals;
  Record hedge = attempt(1, 1, kGroq);
  hedge.flags = record_flag::kHedge;
  totals.add(hedge, names);
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.value(R"(headrace_attempts_total{target="groq",reason="hedge",result="ok"})") == 1);
  CHECK(text.sum("headrace_failovers_total") == 0);
}

TEST_CASE("refusals of providers are counted by what their status says") {
  const Names names = some_names();
  AttemptTotals totals;
  totals.add(refused(1, 0, kOpenai, 429), names);
  totals.add(refused(2, 0, kOpenai, 429), names);
  totals.add(refused(3, 0, kOpenai, 401), names);
  totals.add(refused(4, 0, kGroq, 503), names);
  totals.add(refused(5, 0, kGroq, 529), names);
  totals.add(refused(6, 0, kGroq, 200), names);  // inside an answer that had begun well
  totals.add(failed(attempt(7, 0, kGroq), Errc::connect_failed, Blame::upstream), names);
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  const auto count = [&](const std::string& labels) {
    return text.value("headrace_upstream_errors_total{" + labels + "}");
  };
  CHECK(count(R"(target="openai",error="rate_limited")") == 2);
  CHECK(count(R"(target="openai",error="bad_credential")") == 1);
  CHECK(count(R"(target="groq",error="overloaded")") == 2);
  CHECK(text.sum("headrace_upstream_errors_total") == 5);
}
