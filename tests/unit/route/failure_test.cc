// Goal: each failure has one verdict. Method: the table of failure.h, row by row.
#include "route/failure.h"

#include <doctest/doctest.h>

#include <map>

namespace headrace::route {
namespace {

using base::Errc;

Outcome of_status(int status) {
  Outcome outcome;
  outcome.error = base::upstream_error(Errc::upstream_status);
  outcome.status = static_cast<std::uint16_t>(status);
  return outcome;
}

TEST_CASE("a provider's status says who is at fault") {
  const std::map<int, Verdict> rows = {{400, Verdict::request},
                                       {401, Verdict::credential},
                                       {402, Verdict::quota},
                                       {403, Verdict::pair},
                                       {404, Verdict::pair},
                                       {405, Verdict::request},
                                       {408, Verdict::busy},
                                       {409, Verdict::busy},
                                       {413, Verdict::request},
                                       {415, Verdict::request},
                                       {422, Verdict::request},
                                       {429, Verdict::limited},
                                       {498, Verdict::limited},
                                       {500, Verdict::target},
                                       {502, Verdict::target},
                                       {503, Verdict::target},
                                       {504, Verdict::target},
                                       {529, Verdict::target},
                                       {200, Verdict::target}};
  for (const auto& [status, verdict] : rows) {
    CAPTURE(status);
    CHECK(judge(of_status(status), false) == verdict);
  }
}

TEST_CASE("an empty account is one whatever the status, and rests for longer") {
  Outcome outcome = of_status(429);
  outcome.insufficient_quota = true;
  CHECK(judge(outcome, false) == Verdict::quota);
  CHECK(judge(outcome, true) == Verdict::request);
}

TEST_CASE("what is said about a client's own key is the client's to hear") {
  CHECK(judge(of_status(401), true) == Verdict::request);
  CHECK(judge(of_status(402), true) == Verdict::request);
  CHECK(judge(of_status(503), true) == Verdict::target);
}

TEST_CASE("a lost connection is the target's, a lost client nobody's") {
  for (const Errc code : {Errc::connect_failed,
                          Errc::connect_timeout,
                          Errc::resolve_failed,
                          Errc::upstream_closed,
                          Errc::upstream_protocol,
                          Errc::upstream_redirect,
                          Errc::first_token_timeout,
                          Errc::idle_timeout,
                          Errc::upstream_truncated,
                          Errc::tls_failed,
                          Errc::tls_untrusted,
                          Errc::tls_truncated,
                          Errc::proxy_failed}) {
    Outcome outcome;
    outcome.error = base::upstream_error(code);
    CAPTURE(base::name_of(code));
    CHECK(judge(outcome, false) == Verdict::target);
  }
  for (const base::Error error : {base::client_error(Errc::client_closed),
                                  base::gateway_error(Errc::out_of_files),
                                  base::upstream_error(Errc::total_timeout)}) {
    Outcome outcome;
    outcome.error = error;
    CHECK(judge(outcome, false) == Verdict::ours);
    CHECK_FALSE(goes_on(judge(outcome, false)));
  }
}

}  // namespace
}  // namespace headrace::route
