// Goal: every request is counted once in each metric that speaks of it. Method: records in,
// exposition out, read back.
#include "exporter/request_totals.h"

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

Record request(std::uint16_t route, std::uint16_t status, std::uint32_t target = kNoId) {
  Record record = exporter_test::request(1);
  record.route = route;
  record.status = status;
  record.target = target;
  record.settled_ns = 120'000'000;
  return record;
}

}  // namespace

TEST_CASE("requests are counted by route, status and outcome") {
  const Names names = some_names();
  RequestTotals totals;
  for (int i = 0; i < 3; ++i) totals.add(request(0, 200), names);
  totals.add(request(1, 200), names);
  totals.add(failed(request(0, 502), Errc::connect_failed, Blame::upstream), names);
  totals.add(failed(request(0, 0), Errc::client_closed, Blame::client), names);
  totals.add(failed(request(kNoShortId, 400), Errc::bad_request, Blame::client), names);

  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(R"(headrace_requests_total{route="fast",code="200",outcome="ok"})") == 3);
  CHECK(text.value(R"(headrace_requests_total{route="smart",code="200",outcome="ok"})") == 1);
  CHECK(text.value(
            R"(headrace_requests_total{route="fast",code="502",outcome="upstream_error"})") == 1);
  CHECK(text.value(
            R"(headrace_requests_total{route="fast",code="none",outcome="client_cancel"})") == 1);
  CHECK(text.value(R"(headrace_requests_total{route="none",code="400",outcome="rejected"})") == 1);
  CHECK(text.value(R"(headrace_request_duration_seconds_count{route="fast"})") == 5);
  CHECK(text.value(R"(headrace_request_duration_seconds_bucket{route="fast",le="0.1"})") == 0);
  CHECK(text.value(R"(headrace_request_duration_seconds_bucket{route="fast",le="0.15"})") == 5);
}

TEST_CASE("odd statuses share one label, so that no peer can make series") {
  const Names names = some_names();
  RequestTotals totals;
  for (const int status : {99, 600, 999, 65535})
    totals.add(request(0, static_cast<std::uint16_t>(status)), names);
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(
            R"(headrace_requests_total{route="fast",code="other",outcome="upstream_error"})") == 3);
  CHECK(text.value(R"(headrace_requests_total{route="fast",code="other",outcome="ok"})") == 1);
  CHECK(text.value(
            R"(headrace_target_requests_total{target="none",route="fast",status="other"})") == 4);
}

TEST_CASE("requests are counted by the target of their last attempt and the class of the status") {
  const Names names = some_names();
  RequestTotals totals;
  totals.add(request(0, 200, kOpenai), names);
  totals.add(request(0, 201, kOpenai), names);
  totals.add(request(1, 200, kOpenai), names);
  totals.add(request(0, 404, kGroq), names);
  totals.add(failed(request(0, 502, kGroq), Errc::upstream_reset, Blame::upstream), names);
  totals.add(failed(request(0, 0, kGroq), Errc::client_closed, Blame::client), names);
  totals.add(failed(request(0, 401), Errc::invalid_key, Blame::client), names);

  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  const auto count = [&](const std::string& labels) {
    return text.value("headrace_target_requests_total{" + labels + "}");
  };
  CHECK(count(R"(target="openai",route="fast",status="2xx")") == 2);
  CHECK(count(R"(target="openai",route="smart",status="2xx")") == 1);
  CHECK(count(R"(target="groq",route="fast",status="4xx")") == 1);
  CHECK(count(R"(target="groq",route="fast",status="5xx")") == 1);
  CHECK(count(R"(target="groq",route="fast",status="none")") == 1);
  CHECK(count(R"(target="none",route="fast",status="4xx")") == 1);
}

TEST_CASE("failures are counted by error and blame, a provider's own words among them") {
  const Names names = some_names();
  RequestTotals totals;
  totals.add(request(0, 200, kOpenai), names);  // no failure
  totals.add(failed(request(0, 504, kOpenai), Errc::first_token_timeout, Blame::upstream), names);
  totals.add(failed(request(0, 503), Errc::overloaded, Blame::gateway), names);
  totals.add(request(0, 400, kGroq), names);  // passed on as it came
  Record newer = request(0, 500, kGroq);
  newer.error = 200;
  newer.blame = 9;
  totals.add(newer, names);
  newer.error = 201;
  newer.blame = 77;
  totals.add(newer, names);
  Record cut = request(0, 200, kGroq);
  cut.flags = record_flag::kTruncated;  // without an error: it is told by its outcome alone
  totals.add(cut, names);

  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  const auto count = [&](const std::string& labels) {
    return text.value("headrace_request_errors_total{route=\"fast\"," + labels + "}");
  };
  CHECK(count(R"(target="openai",error="first_token_timeout",blame="upstream")") == 1);
  CHECK(count(R"(target="none",error="overloaded",blame="gateway")") == 1);
  CHECK(count(R"(target="groq",error="upstream_status",blame="upstream")") == 1);
  CHECK(count(R"(target="groq",error="unknown",blame="unknown")") == 2);
  CHECK(text.sum("headrace_request_errors_total") == 5);
}

TEST_CASE("refusals are counted by status and reason, the limits of a key by their scope") {
  const Names names = some_names();
  RequestTotals totals;
  const auto refuse = [&](std::uint16_t status, Errc error, std::uint32_t key, int times) {
    Record record = failed(request(0, status), error, Blame::client);
    record.key = key;
    for (int i = 0; i < times; ++i) totals.add(record, names);
  };
  refuse(401, Errc::invalid_key, kNoId, 4);
  refuse(403, Errc::model_not_allowed, 0, 3);
  refuse(404, Errc::no_such_model, 0, 2);
  refuse(404, Errc::no_such_path, kNoId, 1);
  refuse(429, Errc::requests_limited, 0, 5);
  refuse(429, Errc::tokens_limited, 0, 6);
  refuse(429, Errc::concurrency_limited, 1, 7);
  totals.add(failed(request(0, 503), Errc::draining, Blame::gateway), names);
  totals.add(failed(request(0, 502), Errc::connect_failed, Blame::upstream), names);  // not refused
  Record served = request(0, 200);
  served.key = 1;
  totals.add(served, names);

  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(R"(headrace_refused_total{code="401",reason="invalid_api_key"})") == 4);
  CHECK(text.value(R"(headrace_refused_total{code="403",reason="model_not_allowed"})") == 3);
  CHECK(text.value(R"(headrace_refused_total{code="404",reason="model_not_found"})") == 2);
  CHECK(text.value(R"(headrace_refused_total{code="404",reason="no_such_path"})") == 1);
  CHECK(text.value(R"(headrace_refused_total{code="429",reason="requests_limit_exceeded"})") == 5);
  CHECK(text.value(R"(headrace_refused_total{code="429",reason="tokens_limit_exceeded"})") == 6);
  CHECK(text.value(R"(headrace_refused_total{code="429",reason="concurrency_limit_exceeded"})") ==
        7);
  CHECK(text.value(R"(headrace_refused_total{code="503",reason="draining"})") == 1);
  CHECK(text.sum("headrace_refused_total") == 29);
  CHECK(text.value(R"(headrace_key_limited_total{key="alice",scope="requests"})") == 5);
  CHECK(text.value(R"(headrace_key_limited_total{key="alice",scope="tokens"})") == 6);
  CHECK(text.value(R"(headrace_key_limited_total{key="bob",scope="concurrency"})") == 7);
  CHECK(text.value(R"(headrace_key_requests_total{key="alice",outcome="rejected"})") == 16);
  CHECK(text.value(R"(headrace_key_requests_total{key="bob",outcome="ok"})") == 1);
  CHECK(text.sum("headrace_key_requests_total") == 24);  // those without a key are not of a key
}

TEST_CASE("clients that went are counted by how far their request had got") {
  const Names names = some_names();
  RequestTotals totals;
  Record gone = failed(request(0, 499), Errc::client_closed, Blame::client);
  totals.add(gone, names);
  gone.dispatched_ns = 40'000;
  totals.add(gone, names);
  totals.add(gone, names);
  gone.flags = record_flag::kCommitted | record_flag::kClientClosed;
  totals.add(gone, names);
  gone.error = static_cast<std::uint8_t>(Errc::client_stalled);
  totals.add(gone, names);
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  const auto count = [&](const std::string& labels) {
    return text.value("headrace_cancelled_total{route=\"fast\"," + labels + "}");
  };
  CHECK(count(R"(phase="request",cause="client_closed")") == 1);
  CHECK(count(R"(phase="upstream",cause="client_closed")") == 2);
  CHECK(count(R"(phase="answer",cause="client_closed")") == 1);
  CHECK(count(R"(phase="answer",cause="client_stalled")") == 1);
}

TEST_CASE("only phases that were reached are measured") {
  const Names names = some_names();
  RequestTotals totals;
  Record record = request(0, 200);
  totals.add(record, names);
  record.first_byte_sent_ns = 90'000'000;
  record.first_useful_event_ns = 80'000'000;
  record.overhead_ns = 42'000;
  record.cancel_ns = 700'000;
  totals.add(record, names);
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(R"(headrace_request_duration_seconds_count{route="fast"})") == 2);
  CHECK(text.value(R"(headrace_ttfb_seconds_count{route="fast"})") == 1);
  CHECK(text.value(R"(headrace_ttft_seconds_bucket{route="fast",le="0.1"})") == 1);
  CHECK(text.value(R"(headrace_overhead_seconds_bucket{phase="request",le="2e-05"})") == 0);
  CHECK(text.value(R"(headrace_overhead_seconds_bucket{phase="request",le="5e-05"})") == 1);
  CHECK(text.value("headrace_cancel_propagation_seconds_count") == 1);
}

TEST_CASE("with more series than a scrape should have, the rest is counted under other") {
  Names names;
  constexpr std::size_t kRoutes = base::limits::kMetricTimedNames + 8;
  Dictionary many;
  many.epoch = 1;
  for (std::size_t i = 0; i < kRoutes; ++i) many.routes.push_back("r" + std::to_string(i));
  names.learn(many);
  RequestTotals totals;
  for (std::size_t route = 0; route < kRoutes; ++route) {
    for (std::uint16_t status = 200; status < 210; ++status) {
      totals.add(request(static_cast<std::uint16_t>(route), status), names);
    }
  }
  const ExpositionCheck text = scrape(totals, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.sum("headrace_requests_total") == kRoutes * 10);
  CHECK(text.value(R"(headrace_requests_total{route="other",code="other",outcome="ok"})") ==
        kRoutes * 10 - base::limits::kMetricSeries);
  CHECK(text.value(R"(headrace_request_duration_seconds_count{route="other"})") == 80);
  CHECK(totals.folded() == kRoutes * 10 - base::limits::kMetricSeries + 80);
}
