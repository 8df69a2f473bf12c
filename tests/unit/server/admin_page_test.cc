// Goal: every admin request has exactly one right answer. Method: request text in, whole message
// out.
#include "server/admin_page.h"

#include <doctest/doctest.h>

#include "admin_client.h"
#include "base/limits.h"

using namespace headrace;
using server::admin_answer;
using server::admin_refusal;

namespace {

std::string ask(const std::string& request, server_test::FakeSource& source) {
  http::H1RequestParser parser;
  parser.reset();
  REQUIRE(parser.parse(request) == http::Parse::done);
  return admin_answer(parser, request, source);
}

std::string get(const std::string& path, server_test::FakeSource& source) {
  return ask("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n", source);
}

}  // namespace

TEST_CASE("a probe's answer is exactly this") {
  server_test::FakeSource source;
  CHECK(get("/livez", source) ==
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 3\r\n"
        "cache-control: no-store\r\nconnection: close\r\n\r\nok\n");
  CHECK(get("/healthz", source) == get("/livez", source));
  CHECK(get("/readyz", source) == get("/livez", source));
  CHECK(get("/livez?verbose", source) == get("/livez", source));
}

TEST_CASE("life and readiness are different questions") {
  server_test::FakeSource source;
  source.readiness = "draining";
  CHECK(get("/readyz", source).starts_with("HTTP/1.1 503 "));
  CHECK(get("/readyz", source).ends_with("\r\n\r\ndraining\n"));
  CHECK(get("/livez", source).starts_with("HTTP/1.1 200 "));
  source.life = "worker 1: last loop turn 3.2 s ago";
  CHECK(get("/livez", source).starts_with("HTTP/1.1 503 "));
  CHECK(get("/healthz", source).ends_with("\r\n\r\nworker 1: last loop turn 3.2 s ago\n"));
}

TEST_CASE("metrics come in the format that was asked for") {
  server_test::FakeSource source;
  const std::string plain = get("/metrics", source);
  CHECK(plain.find("content-type: text/plain; version=0.0.4") != std::string::npos);
  CHECK(plain.ends_with("\r\n\r\nplain 1\n"));
  const std::string open =
      ask("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: "
          "application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.1\r\n\r\n",
          source);
  CHECK(open.find("content-type: application/openmetrics-text") != std::string::npos);
  CHECK(open.ends_with("# EOF\n"));
}

TEST_CASE("HEAD is GET without the body, its length included") {
  server_test::FakeSource source;
  const std::string whole = get("/metrics", source);
  const std::string head = ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", source);
  CHECK(head == whole.substr(0, whole.find("\r\n\r\n") + 4));
  CHECK(head.find("content-length: 8\r\n") != std::string::npos);
}

TEST_CASE("other paths are not found, other methods not allowed") {
  server_test::FakeSource source;
  for (const char* path : {"/", "/livez/", "/LIVEZ", "/metrics.json", "/v1/chat/completions"}) {
    CAPTURE(path);
    CHECK(get(path, source).starts_with("HTTP/1.1 404 "));
  }
  const std::string posted =
      ask("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", source);
  CHECK(posted.starts_with("HTTP/1.1 405 "));
  CHECK(posted.find("allow: GET, HEAD\r\n") != std::string::npos);
}

TEST_CASE("what cannot be read is refused with the status it deserves") {
  using base::Errc;
  CHECK(admin_refusal(Errc::bad_request).starts_with("HTTP/1.1 400 "));
  CHECK(admin_refusal(Errc::unsupported_coding).starts_with("HTTP/1.1 400 "));
  CHECK(admin_refusal(Errc::method_not_allowed).starts_with("HTTP/1.1 405 "));
  CHECK(admin_refusal(Errc::request_timeout).starts_with("HTTP/1.1 408 "));
  CHECK(admin_refusal(Errc::uri_too_long).starts_with("HTTP/1.1 414 "));
  CHECK(admin_refusal(Errc::head_too_large).starts_with("HTTP/1.1 431 "));
}

TEST_CASE("a worker whose loop stands still is named, the others are not") {
  telemetry::WorkerCounters first;
  telemetry::WorkerCounters second;
  const telemetry::WorkerCounters* const workers[] = {&first, &second};
  const base::Nanos now = 100 * base::kSecond;
  first.last_tick_ns.set(static_cast<std::uint64_t>(now - base::kSecond));
  second.last_tick_ns.set(static_cast<std::uint64_t>(now - base::limits::kLiveWindow + 1));
  CHECK(server::stalled_worker(workers, now) == "");
  CHECK(server::stalled_worker(workers, now + 1) == "worker 1: last loop turn 2.0 s ago");
  second.last_tick_ns.set(0);
  CHECK(server::stalled_worker(workers, now) == "worker 1: loop not started");
}
