// Usage: what a provider says an answer consumed, in the eleven disjoint classes of
// headrace::TokenClass (headrace/record.h). A class that nobody reported holds kNoTokens, which
// differs from 0. Plain data; sums saturate below kNoTokens.
//
// A dialect fills it while the answer passes. Two rules cover all providers: a usage object that
// repeats the whole (running totals) replaces the last one, by assignment; one that brings only
// what changed is merged, and then the last word on each class counts. Providers that count
// inclusively (cached tokens within the prompt, reasoning within the completion) go through
// InclusiveUsage.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"
#include "headrace/record.h"

namespace headrace::api {

struct Usage {
  std::array<std::uint32_t, kTokenClasses> tokens = {kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens,
                                                     kNoTokens};
  // What it cost by the provider's own account, in picodollars.
  std::int64_t reported_cost = kNoCost;
  // By which price it was served ("flex"), where the answer says so.
  std::array<char, 16> tier_text{};
  std::uint8_t tier_size = 0;

  base::Bytes tier() const { return {tier_text.data(), tier_size}; }
  // A name too long for any tier is none.
  void set_tier(base::Bytes name) {
    if (name.empty() || name.size() > tier_text.size()) return;
    tier_size = static_cast<std::uint8_t>(name.copy(tier_text.data(), name.size()));
  }

  std::uint32_t of(TokenClass which) const { return tokens[static_cast<std::size_t>(which)]; }
  bool has(TokenClass which) const { return of(which) != kNoTokens; }
  // 0 where nothing was reported: for sums.
  std::uint64_t count(TokenClass which) const { return has(which) ? of(which) : 0; }

  // A count too large for a record becomes the largest.
  void set(TokenClass which, std::uint64_t count) {
    tokens[static_cast<std::size_t>(which)] =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(count, kNoTokens - 1));
  }
  void add(TokenClass which, std::uint64_t more) {
    set(which, count(which) + std::min<std::uint64_t>(more, kNoTokens));
  }

  // What `later` reports replaces what is here; what it does not report stays.
  void merge(const Usage& later) {
    for (std::size_t i = 0; i < kTokenClasses; ++i) {
      if (later.tokens[i] != kNoTokens) tokens[i] = later.tokens[i];
    }
    if (later.reported_cost != kNoCost) reported_cost = later.reported_cost;
    set_tier(later.tier());
  }

  // True when no class was reported at all.
  bool empty() const {
    return std::all_of(
        tokens.begin(), tokens.end(), [](std::uint32_t count) { return count == kNoTokens; });
  }

  // Everything before `output` is what went in, cached and written tokens included.
  std::uint64_t total_in() const { return sum(0, static_cast<std::size_t>(TokenClass::output)); }
  std::uint64_t total_out() const {
    return sum(static_cast<std::size_t>(TokenClass::output), kTokenClasses);
  }

  friend bool operator==(const Usage&, const Usage&) = default;

 private:
  std::uint64_t sum(std::size_t begin, std::size_t end) const {
    std::uint64_t total = 0;
    for (std::size_t i = begin; i < end; ++i) total += tokens[i] == kNoTokens ? 0 : tokens[i];
    return total;
  }
};

// The counters of a provider that counts parts within their wholes: `prompt` includes the cached,
// written, audio and image tokens, `audio_in` includes `audio_cached`, `cached` includes it too,
// and `completion` includes reasoning, audio and images. kNoTokens: not reported.
struct InclusiveUsage {
  std::uint32_t prompt = kNoTokens;
  std::uint32_t cached = kNoTokens;
  std::uint32_t write_5m = kNoTokens;
  std::uint32_t write_1h = kNoTokens;
  std::uint32_t audio_in = kNoTokens;
  std::uint32_t audio_cached = kNoTokens;
  std::uint32_t image_in = kNoTokens;
  std::uint32_t completion = kNoTokens;
  std::uint32_t reasoning = kNoTokens;
  std::uint32_t audio_out = kNoTokens;
  std::uint32_t image_out = kNoTokens;

  // A part that exceeds its whole (providers have been seen to report that) leaves 0 of the rest.
  Usage disjoint() const {
    Usage usage;
    put_rest(
        usage, TokenClass::input, prompt, {cached, write_5m, write_1h, image_in, fresh_audio()});
    put_rest(usage, TokenClass::cache_read, cached, {audio_cached});
    put_rest(usage, TokenClass::cache_write_5m, write_5m, {});
    put_rest(usage, TokenClass::cache_write_1h, write_1h, {});
    put_rest(usage, TokenClass::audio_in, audio_in, {audio_cached});
    put_rest(usage, TokenClass::audio_cached, audio_cached, {});
    put_rest(usage, TokenClass::image_in, image_in, {});
    put_rest(usage, TokenClass::output, completion, {reasoning, audio_out, image_out});
    put_rest(usage, TokenClass::reasoning, reasoning, {});
    put_rest(usage, TokenClass::audio_out, audio_out, {});
    put_rest(usage, TokenClass::image_out, image_out, {});
    return usage;
  }

 private:
  std::uint32_t fresh_audio() const {
    if (audio_in == kNoTokens || audio_cached == kNoTokens) return audio_in;
    return audio_in - std::min(audio_in, audio_cached);
  }
  static void put_rest(Usage& usage,
                       TokenClass which,
                       std::uint32_t whole,
                       std::initializer_list<std::uint32_t> parts) {
    if (whole == kNoTokens) return;
    std::uint64_t taken = 0;
    for (const std::uint32_t part : parts) taken += part == kNoTokens ? 0 : part;
    usage.set(which, whole - std::min<std::uint64_t>(whole, taken));
  }
};

}  // namespace headrace::api
