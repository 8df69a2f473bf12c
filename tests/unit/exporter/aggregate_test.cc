// Goal: every record lands in the series its fields name, once. Method: records in, exposition out,
// read back.
#include "exporter/aggregate.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "exposition_check.h"

using namespace headrace;
using namespace headrace::exporter;
using base::Blame;
using base::Errc;
using exporter_test::ExpositionCheck;

namespace {

Names two_routes() {
  Names names;
  names.learn(
      {.epoch = 1, .routes = {"fast", "smart"}, .targets = {"openai", "groq"}, .providers = {}});
  return names;
}

Record request(std::uint16_t route, std::uint16_t status) {
  Record record;
  record.epoch = 1;
  record.route = route;
  record.status = status;
  record.settled_ns = 120'000'000;
  return record;
}

Record failed(Errc error, Blame blame, std::uint32_t flags = 0) {
  Record record = request(0, 502);
  record.error = static_cast<std::uint8_t>(error);
  record.blame = static_cast<std::uint8_t>(blame);
  record.flags = flags;
  return record;
}

ExpositionCheck read(const Aggregate& aggregate, const Names& names) {
  Exposition out(Format::prometheus);
  aggregate.render(out, names);
  return ExpositionCheck(out.finish());
}

}  // namespace

TEST_CASE("how a request ended follows from its error, its blame and how far it got") {
  using namespace record_flag;
  const auto outcome = [](Errc error, Blame blame, std::uint32_t flags = 0) {
    return std::string(name_of(outcome_of(failed(error, blame, flags))));
  };
  CHECK(name_of(outcome_of(request(0, 200))) == "ok");
  CHECK(name_of(outcome_of(request(0, 429))) == "upstream_error");
  CHECK(outcome(Errc::client_closed, Blame::client) == "client_cancel");
  CHECK(outcome(Errc::client_closed, Blame::client, kCommitted) == "client_cancel");
  CHECK(outcome(Errc::client_stalled, Blame::client, kCommitted) == "client_cancel");
  CHECK(outcome(Errc::bad_request, Blame::client) == "rejected");
  CHECK(outcome(Errc::no_such_model, Blame::client) == "rejected");
  CHECK(outcome(Errc::overloaded, Blame::gateway) == "rejected");
  CHECK(outcome(Errc::draining, Blame::gateway, kCommitted) == "truncated");
  CHECK(outcome(Errc::connect_failed, Blame::upstream) == "upstream_error");
  CHECK(outcome(Errc::upstream_reset, Blame::upstream) == "upstream_error");
  CHECK(outcome(Errc::upstream_reset, Blame::upstream, kCommitted) == "truncated");
  CHECK(outcome(Errc::upstream_truncated, Blame::upstream, kCommitted) == "truncated");
  CHECK(outcome(Errc::connect_timeout, Blame::upstream) == "deadline");
  CHECK(outcome(Errc::first_token_timeout, Blame::upstream) == "deadline");
  CHECK(outcome(Errc::total_timeout, Blame::upstream, kCommitted) == "deadline");
  CHECK(outcome(Errc::idle_timeout, Blame::upstream, kCommitted) == "stall");
}

TEST_CASE("requests are counted by route, status and outcome") {
  const Names names = two_routes();
  Aggregate aggregate;
  for (int i = 0; i < 3; ++i) aggregate.add(request(0, 200), names);
  aggregate.add(request(1, 200), names);
  aggregate.add(failed(Errc::connect_failed, Blame::upstream), names);
  Record gone = failed(Errc::client_closed, Blame::client);
  gone.status = 0;
  aggregate.add(gone, names);
  Record refused = failed(Errc::bad_request, Blame::client);
  refused.status = 400;
  refused.route = kNoShortId;
  aggregate.add(refused, names);

  const ExpositionCheck text = read(aggregate, names);
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
  const Names names = two_routes();
  Aggregate aggregate;
  for (const int status : {99, 600, 999, 65535})
    aggregate.add(request(0, static_cast<std::uint16_t>(status)), names);
  const ExpositionCheck text = read(aggregate, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(
            R"(headrace_requests_total{route="fast",code="other",outcome="upstream_error"})") == 3);
  CHECK(text.value(R"(headrace_requests_total{route="fast",code="other",outcome="ok"})") == 1);
}

TEST_CASE("only phases that were reached are measured") {
  const Names names = two_routes();
  Aggregate aggregate;
  Record record = request(0, 200);
  aggregate.add(record, names);
  record.first_byte_sent_ns = 90'000'000;
  record.first_useful_event_ns = 80'000'000;
  record.overhead_ns = 42'000;
  record.cancel_ns = 700'000;
  aggregate.add(record, names);
  const ExpositionCheck text = read(aggregate, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(R"(headrace_request_duration_seconds_count{route="fast"})") == 2);
  CHECK(text.value(R"(headrace_ttfb_seconds_count{route="fast"})") == 1);
  CHECK(text.value(R"(headrace_ttft_seconds_bucket{route="fast",le="0.1"})") == 1);
  CHECK(text.value(R"(headrace_overhead_seconds_bucket{phase="request",le="2e-05"})") == 0);
  CHECK(text.value(R"(headrace_overhead_seconds_bucket{phase="request",le="5e-05"})") == 1);
  CHECK(text.value("headrace_cancel_propagation_seconds_count") == 1);
}

TEST_CASE("attempts are counted apart from requests, by target and result") {
  const Names names = two_routes();
  Aggregate aggregate;
  Record attempt;
  attempt.kind = RecordKind::attempt;
  attempt.epoch = 1;
  attempt.target = 1;
  attempt.dispatched_ns = 30'000;
  attempt.connected_ns = 34'000;
  attempt.request_sent_ns = 40'000;
  attempt.first_useful_event_ns = 260'000'000;
  attempt.flags = record_flag::kReusedConnection;
  aggregate.add(attempt, names);
  attempt.flags = 0;
  attempt.target = 0;
  attempt.error = static_cast<std::uint8_t>(Errc::connect_timeout);
  attempt.connected_ns = kNoStamp;
  attempt.first_useful_event_ns = kNoStamp;
  aggregate.add(attempt, names);
  attempt.error = 200;  // no code of ours: a number that a newer writer may use
  aggregate.add(attempt, names);

  const ExpositionCheck text = read(aggregate, names);
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value(R"(headrace_attempts_total{target="groq",result="ok"})") == 1);
  CHECK(text.value(
            R"(headrace_attempts_total{target="openai",result="upstream_connect_timeout"})") == 1);
  CHECK(text.value(R"(headrace_attempts_total{target="openai",result="unknown"})") == 1);
  CHECK(text.value(R"(headrace_upstream_acquire_seconds_bucket{reused="true",le="5e-06"})") == 1);
  CHECK(text.value(R"(headrace_upstream_acquire_seconds_count{reused="false"})") == 0);
  CHECK(text.value(R"(headrace_upstream_ttft_seconds_bucket{target="groq",le="0.3"})") == 1);
  CHECK_FALSE(
      text.value(R"(headrace_requests_total{route="none",code="none",outcome="ok"})").has_value());
}

TEST_CASE("records of another version or kind are left alone") {
  const Names names = two_routes();
  Aggregate aggregate;
  Record record = request(0, 200);
  record.version = kRecordVersion + 1;
  aggregate.add(record, names);
  record = request(0, 200);
  record.kind = static_cast<RecordKind>(9);
  aggregate.add(record, names);
  CHECK_FALSE(read(aggregate, names)
                  .value(R"(headrace_requests_total{route="fast",code="200",outcome="ok"})"));
}
