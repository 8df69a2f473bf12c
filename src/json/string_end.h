// The inner loops of the scanner: where a JSON string ends, sixteen bytes at a time where the
// machine has SSE2. Most strings of most documents are short and plain: `to_plain_end` sees their
// end at one look, and keeps the loop of its caller small. All others are judged by `judge_string`.
// Reads only inside the document. Stateless, any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace headrace::json {

inline constexpr std::size_t kBlock = 16;

#ifdef __SSE2__
[[gnu::always_inline]] inline __m128i block_at(const char* place) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(place));
}

// One bit for each byte of the block that is special, or above ASCII.
[[gnu::always_inline]] inline unsigned not_plain_ascii(const char* place) {
  // With their second bit turned, the quote and the control bytes are those not above the blank;
  // bytes above ASCII are negative.
  const __m128i block = block_at(place);
  const __m128i turned = _mm_xor_si128(block, _mm_set1_epi8(2));
  const __m128i plain = _mm_andnot_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('\\')),
                                         _mm_cmpgt_epi8(turned, _mm_set1_epi8(' ')));
  return static_cast<unsigned>(_mm_movemask_epi8(plain)) ^ 0xFFFF;
}
#endif

// Goes on from `text` in a string while all is plain ASCII and blocks are left (`blocks_end`: where
// none may begin any more). True when it is at the closing quote; else the rest is to be judged.
[[gnu::always_inline]] inline bool to_plain_end([[maybe_unused]] const char*& text,
                                                [[maybe_unused]] const char* blocks_end) {
#ifdef __SSE2__
  if (text >= blocks_end) return false;
  // The first block by itself: most strings end in it.
  unsigned mask = not_plain_ascii(text);
  while (mask == 0) {
    text += kBlock;
    if (text >= blocks_end) return false;
    mask = not_plain_ascii(text);
  }
  text += std::countr_zero(mask);
  return *text == '"';
#else
  return false;
#endif
}

struct JudgedString {
  static constexpr unsigned kBroken = 1;
  static constexpr unsigned kEscaped = 2;
  static constexpr unsigned kNonAscii = 4;  // perhaps by bytes shortly behind its end

  const char* next;  // behind the closing quote; of a broken one, the byte at fault
  unsigned flags;
};

// Judges the string whose text begins at `text` in the document [begin, end).
JudgedString judge_string(const char* text, const char* begin, const char* end);

}  // namespace headrace::json
