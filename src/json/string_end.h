// The inner loop of the scanner: finds the next byte of a JSON string that is not plain text (a
// quote, a backslash, a control byte), sixteen bytes at a time where the machine has SSE2, and says
// on the way whether bytes above ASCII went by. Reads only inside [next, end).
#pragma once

#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace headrace::json {

inline bool plain_in_string(char c) {
  return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
}

// `saw_non_ascii` is only ever set; it may be set by bytes shortly behind the place found.
inline const char* find_string_end(const char* next, const char* end, bool& saw_non_ascii) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1F);
  while (end - next >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(next));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block);
    const __m128i special = _mm_or_si128(
        control, _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
    if (_mm_movemask_epi8(block) != 0) saw_non_ascii = true;
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(special));
    if (mask != 0) return next + __builtin_ctz(mask);
    next += 16;
  }
#endif
  while (next != end && plain_in_string(*next)) {
    if (static_cast<signed char>(*next) < 0) saw_non_ascii = true;
    ++next;
  }
  return next;
}

}  // namespace headrace::json
