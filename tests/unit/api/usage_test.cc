// Goal: eleven disjoint classes that keep "absent" apart from 0. Method: small cases by hand.
#include "api/usage.h"

#include <doctest/doctest.h>

using headrace::kNoTokens;
using headrace::TokenClass;
using headrace::api::InclusiveUsage;
using headrace::api::Usage;

TEST_CASE("a fresh usage knows nothing, and a reported zero is something") {
  Usage usage;
  CHECK(usage.empty());
  CHECK_FALSE(usage.has(TokenClass::output));
  CHECK(usage.count(TokenClass::output) == 0);
  usage.set(TokenClass::output, 0);
  CHECK_FALSE(usage.empty());
  CHECK(usage.has(TokenClass::output));
  CHECK(usage.of(TokenClass::output) == 0);
}

TEST_CASE("the last report of a class counts, and a class left out stays") {
  Usage begun;
  begun.set(TokenClass::input, 10);
  begun.set(TokenClass::output, 1);
  Usage later;
  later.set(TokenClass::output, 25);
  begun.merge(later);
  CHECK(begun.of(TokenClass::input) == 10);
  CHECK(begun.of(TokenClass::output) == 25);
  CHECK(begun.of(TokenClass::cache_read) == kNoTokens);
}

TEST_CASE("a count too large for a record is the largest, never absent") {
  Usage usage;
  usage.set(TokenClass::input, UINT64_MAX);
  CHECK(usage.of(TokenClass::input) == kNoTokens - 1);
  usage.add(TokenClass::input, UINT64_MAX);
  CHECK(usage.of(TokenClass::input) == kNoTokens - 1);
}

TEST_CASE("counters that include each other become disjoint classes with the same sum") {
  const Usage usage = InclusiveUsage{.prompt = 1000,
                                     .cached = 300,
                                     .write_5m = 50,
                                     .write_1h = 25,
                                     .audio_in = 200,
                                     .audio_cached = 120,
                                     .image_in = 10,
                                     .completion = 500,
                                     .reasoning = 100,
                                     .audio_out = 90,
                                     .image_out = 5}
                          .disjoint();
  CHECK(usage.of(TokenClass::cache_read) == 180);
  CHECK(usage.of(TokenClass::audio_in) == 80);
  CHECK(usage.of(TokenClass::audio_cached) == 120);
  CHECK(usage.of(TokenClass::input) == 1000 - 300 - 50 - 25 - 80 - 10);
  CHECK(usage.of(TokenClass::output) == 305);
  CHECK(usage.total_in() == 1000);
  CHECK(usage.total_out() == 500);
}

TEST_CASE("a part above its whole leaves nothing of the rest, and what is absent stays absent") {
  const Usage usage = InclusiveUsage{.prompt = 10, .cached = 40}.disjoint();
  CHECK(usage.of(TokenClass::input) == 0);
  CHECK(usage.of(TokenClass::cache_read) == 40);
  CHECK_FALSE(usage.has(TokenClass::output));
  CHECK_FALSE(usage.has(TokenClass::reasoning));
  CHECK(InclusiveUsage{}.disjoint().empty());
}
