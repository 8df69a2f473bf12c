// Goal: how a request ended and why is told from its record alone, and always in a word of ours.
#include "exporter/outcome.h"

#include <doctest/doctest.h>

#include <string>

#include "totals.h"

using namespace headrace;
using namespace headrace::exporter;
using base::Blame;
using base::Errc;
using exporter_test::failed;

TEST_CASE("how a request ended follows from its error, its blame and how far it got") {
  using namespace record_flag;
  const auto outcome = [](Errc error, Blame blame, std::uint32_t flags = 0) {
    Record record = failed(exporter_test::request(1), error, blame);
    record.status = 502;
    record.flags = flags;
    return std::string(name_of(outcome_of(record)));
  };
  Record record = exporter_test::request(1);
  CHECK(name_of(outcome_of(record)) == "ok");
  record.status = 429;
  CHECK(name_of(outcome_of(record)) == "upstream_error");
  CHECK(outcome(Errc::ok, Blame::gateway, kClientClosed) == "client_cancel");
  CHECK(outcome(Errc::client_closed, Blame::client) == "client_cancel");
  CHECK(outcome(Errc::client_closed, Blame::client, kCommitted) == "client_cancel");
  CHECK(outcome(Errc::client_stalled, Blame::client, kCommitted) == "client_cancel");
  CHECK(outcome(Errc::bad_request, Blame::client) == "rejected");
  CHECK(outcome(Errc::no_such_model, Blame::client) == "rejected");
  CHECK(outcome(Errc::tokens_limited, Blame::client) == "rejected");
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

TEST_CASE("a cause is the error's name, and of a provider's refusal what its status says") {
  const auto cause = [](Errc error, std::uint16_t upstream_status = 0) {
    const Record attempt = exporter_test::attempt(1);
    return Cause::of(failed(attempt, error, Blame::upstream, upstream_status));
  };
  const auto text = [&](Errc error, std::uint16_t upstream_status = 0) {
    return std::string(cause(error, upstream_status).text());
  };
  CHECK(text(Errc::connect_failed) == "upstream_connect_failed");
  CHECK(text(Errc::concurrency_limited) == "concurrency_limit_exceeded");
  CHECK(text(Errc::idle_timeout, 200) == "upstream_idle_timeout");
  CHECK(text(Errc::upstream_status, 400) == "bad_request");
  CHECK(text(Errc::upstream_status, 401) == "bad_credential");
  CHECK(text(Errc::upstream_status, 402) == "no_credit");
  CHECK(text(Errc::upstream_status, 403) == "forbidden");
  CHECK(text(Errc::upstream_status, 404) == "not_found");
  CHECK(text(Errc::upstream_status, 408) == "timed_out");
  CHECK(text(Errc::upstream_status, 409) == "conflict");
  CHECK(text(Errc::upstream_status, 413) == "too_large");
  CHECK(text(Errc::upstream_status, 429) == "rate_limited");
  CHECK(text(Errc::upstream_status, 498) == "no_capacity");
  CHECK(text(Errc::upstream_status, 500) == "server_fault");
  CHECK(text(Errc::upstream_status, 529) == "overloaded");
  CHECK(text(Errc::upstream_status, 65535) == "server_fault");
  CHECK(text(Errc::upstream_status, 200) == "upstream_status");  // said inside the answer
  CHECK(cause(Errc::upstream_status, 429).is_refusal());
  CHECK_FALSE(cause(Errc::upstream_status, 200).is_refusal());
  CHECK_FALSE(cause(Errc::upstream_reset, 429).is_refusal());
}

TEST_CASE("every number that a record can hold has a word, and new ones share it") {
  Record record = exporter_test::attempt(1);
  for (int error = 0; error <= 255; ++error) {
    record.error = static_cast<std::uint8_t>(error);
    const Cause cause = Cause::of(record);
    CHECK_FALSE(cause.is_refusal());
    CHECK((cause.text() == "unknown") == (error > static_cast<int>(base::kLastErrc)));
  }
  CHECK(blame_text(0) == "client");
  CHECK(blame_text(1) == "upstream");
  CHECK(blame_text(2) == "gateway");
  CHECK(blame_text(3) == "unknown");
  CHECK(blame_text(255) == "unknown");
}
