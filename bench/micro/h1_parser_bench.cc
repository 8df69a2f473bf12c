// What finding a head costs: the request of the wire table (10 fields) and a provider's answer (12
// fields), in one piece; and the request in pieces of 64 bytes, which must cost little more.
#include "http/h1_parser.h"

#include <algorithm>

#include <benchmark/benchmark.h>

namespace headrace {
namespace {

using base::Bytes;

constexpr Bytes kRequest =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "Host: gateway.internal:8080\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: OpenAI/Python 1.99.1\r\n"
    "X-Stainless-Lang: python\r\n"
    "X-Stainless-Package-Version: 1.99.1\r\n"
    "Authorization: Bearer hr-0123456789abcdef0123456789abcdef\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 567\r\n"
    "\r\n"
    "{\"model\":\"gpt-4o-mini\",\"stream\":true}";

constexpr Bytes kAnswer =
    "HTTP/1.1 200 OK\r\n"
    "Date: Tue, 14 Oct 2025 09:30:00 GMT\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\n"
    "Connection: keep-alive\r\n"
    "openai-organization: org-0123456789abcdef\r\n"
    "openai-processing-ms: 187\r\n"
    "openai-version: 2020-10-01\r\n"
    "x-ratelimit-limit-requests: 10000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\n"
    "x-ratelimit-remaining-tokens: 199950\r\n"
    "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
    "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
    "\r\n";

void request(benchmark::State& state) {
  http::H1RequestParser parser;
  for (auto _ : state) {
    parser.reset();
    if (parser.parse(kRequest) != http::Parse::done) state.SkipWithError("not accepted");
    benchmark::DoNotOptimize(parser.head(kRequest));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(parser.head_bytes()));
}

void request_in_pieces(benchmark::State& state) {
  constexpr std::size_t kPiece = 64;
  http::H1RequestParser parser;
  for (auto _ : state) {
    parser.reset();
    for (std::size_t end = kPiece;
         parser.parse(kRequest.substr(0, end)) == http::Parse::need_more;) {
      end = std::min(end + kPiece, kRequest.size());
    }
    benchmark::DoNotOptimize(parser.head(kRequest));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(parser.head_bytes()));
}

void answer(benchmark::State& state) {
  http::H1ResponseParser parser;
  for (auto _ : state) {
    parser.reset();
    if (parser.parse(kAnswer) != http::Parse::done) state.SkipWithError("not accepted");
    benchmark::DoNotOptimize(parser.head());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(parser.head_bytes()));
}

BENCHMARK(request);
BENCHMARK(request_in_pieces);
BENCHMARK(answer);

}  // namespace
}  // namespace headrace

BENCHMARK_MAIN();
