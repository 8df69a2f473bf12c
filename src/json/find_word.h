// Finds a fixed word, usually a quoted key, in text that is searched without being parsed: what
// every event of a stream goes through. Sixteen places at once where the machine has SSE2; texts
// that are shorter than that are searched byte by byte. Reads only inside the text.
//
// What it finds is bytes, not tokens: the caller judges what stands around them. Stateless, any
// thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace headrace::json {

using base::Bytes;

// The word, and two of its bytes that seldom stand so far apart in other texts: only where both are
// found is the whole word compared, so they decide almost everything.
template <std::size_t kLiteralSize>
struct Word {
  static constexpr std::size_t kSize = kLiteralSize - 1;

  std::array<char, kSize> bytes{};
  std::size_t first;
  std::size_t second;

  // REQUIRES: both places lie in the word.
  constexpr Word(const char (&literal)[kLiteralSize],
                 std::size_t first_place,
                 std::size_t second_place)
      : first(first_place), second(second_place) {
    std::copy_n(literal, kSize, bytes.begin());
  }

  constexpr Bytes text() const { return {bytes.data(), kSize}; }
};

#ifdef __SSE2__
// The first place of `place` and the fifteen behind it where the word stands, or 16.
// REQUIRES: kSize + 15 readable bytes.
template <Word kWord>
std::size_t find_word_in_block(const char* place) {
  static_assert(kWord.first < kWord.kSize && kWord.second < kWord.kSize);
  const auto equals = [place](std::size_t distance) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(place + distance));
    return _mm_cmpeq_epi8(block, _mm_set1_epi8(kWord.bytes[distance]));
  };
  const __m128i both = _mm_and_si128(equals(kWord.first), equals(kWord.second));
  auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(both));
  for (; mask != 0; mask &= mask - 1) {
    const auto offset = static_cast<std::size_t>(__builtin_ctz(mask));
    if (std::memcmp(place + offset, kWord.bytes.data(), kWord.kSize) == 0) return offset;
  }
  return 16;
}
#endif

// The first place at or behind `from` where the word stands, or npos.
template <Word kWord>
std::size_t find_word(Bytes text, std::size_t from = 0) {
  std::size_t at = from;
#ifdef __SSE2__
  constexpr std::size_t kReach = kWord.kSize + 15;  // what a block of places reads
  while (at + kReach <= text.size()) {
    const std::size_t offset = find_word_in_block<kWord>(text.data() + at);
    if (offset != 16) return at + offset;
    at += 16;
  }
  // The last places: a block that ends with the text and overlaps what was searched in vain.
  if (at + kWord.kSize <= text.size() && from + kReach <= text.size()) {
    at = text.size() - kReach;
    const std::size_t offset = find_word_in_block<kWord>(text.data() + at);
    return offset != 16 ? at + offset : Bytes::npos;
  }
#endif
  return text.find(kWord.text(), at);
}

}  // namespace headrace::json
