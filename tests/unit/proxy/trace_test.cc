// Goal: a trace is continued as the W3C recommendation has it, and what is no traceparent is none.
// Method: the recommendation's own examples, spoilt one by one.
#include "proxy/trace.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace headrace::test {
namespace {

const std::string kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

bool is_read(const std::string& text) {
  Record request;
  proxy::read_trace(text, request);
  return request.trace_id[0] != 0 || request.span_id[1] != 0;
}

}  // namespace

TEST_CASE("a trace goes on under its id with a span of ours") {
  Record request;
  proxy::read_trace(kGood, request);
  CHECK(request.trace_id[0] == 0x4b);
  CHECK(request.trace_id[15] == 0x36);
  CHECK(request.span_id[7] == 0xb7);
  base::Prng random(7);
  proxy::begin_trace(request, random);
  const proxy::SpanId span = {1, 2, 3, 4, 5, 6, 7, 0xff};
  std::array<char, proxy::kTraceLineBytes> out;
  CHECK(proxy::write_trace(request, span, out) ==
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-01020304050607ff-01\r\n");
  request.trace_flags = 0xfe;
  CHECK(proxy::write_trace(request, span, out).ends_with("-00\r\n"));
}

TEST_CASE("a later version may say more, this one may not") {
  CHECK(is_read(kGood));
  CHECK(is_read("01" + kGood.substr(2) + "-more"));
  CHECK(is_read("cc" + kGood.substr(2)));
  CHECK_FALSE(is_read(kGood + "-more"));
  CHECK_FALSE(is_read("01" + kGood.substr(2) + "more"));
  CHECK_FALSE(is_read("ff" + kGood.substr(2)));
}

TEST_CASE("what is no traceparent is none") {
  CHECK_FALSE(is_read(""));
  for (std::size_t i = 0; i < kGood.size(); ++i) {
    std::string spoilt = kGood;
    spoilt[i] = 'G';
    CHECK_FALSE(is_read(spoilt));
    CHECK_FALSE(is_read(kGood.substr(0, i)));
  }
  CHECK_FALSE(is_read("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
  CHECK_FALSE(is_read("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  CHECK_FALSE(is_read("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
}

TEST_CASE("where there is no trace one begins, and no two are the same") {
  base::Prng random(7);
  Record first;
  Record second;
  proxy::begin_trace(first, random);
  proxy::begin_trace(second, random);
  CHECK(std::string(std::begin(first.trace_id), std::end(first.trace_id)) !=
        std::string(std::begin(second.trace_id), std::end(second.trace_id)));
  CHECK(proxy::new_span(random) != proxy::new_span(random));
  CHECK(first.span_id[0] == 0);
}

}  // namespace headrace::test
