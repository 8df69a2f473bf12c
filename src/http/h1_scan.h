// Sets of bytes that HTTP/1.1 syntax is made of, and skip<Set>(): the first byte from a position on
// that is not in the set. Sixteen bytes at a time where SSE2 exists, by table otherwise; never
// reads past the text. The vector test of a set may stop too often (the table then decides) but
// never too late.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace headrace::http {

using base::Bytes;

namespace scan {

using Table = std::array<bool, 256>;

constexpr Table make_table(bool (*holds)(unsigned char)) {
  Table table{};
  for (unsigned c = 0; c < table.size(); ++c) table[c] = holds(static_cast<unsigned char>(c));
  return table;
}

constexpr bool is_alnum(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr bool is_one_of(unsigned char c, Bytes set) {
  return set.find(static_cast<char>(c)) != Bytes::npos;
}

inline constexpr Table kTokenBytes =
    make_table([](unsigned char c) { return is_alnum(c) || is_one_of(c, "!#$%&'*+-.^_`|~"); });
// Visible bytes, bytes above ASCII and blanks: what a field value or a reason may hold.
inline constexpr Table kValueBytes =
    make_table([](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
// Visible ASCII; a fragment is never part of a request target.
inline constexpr Table kTargetBytes =
    make_table([](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; });
// reg-name of RFC 3986 (percent signs are looked at again).
inline constexpr Table kHostBytes =
    make_table([](unsigned char c) { return is_alnum(c) || is_one_of(c, "-._~!$&'()*+,;=%"); });

inline bool holds(const Table& table, char c) {
  return table[static_cast<unsigned char>(c)];
}

#if defined(__SSE2__)
inline __m128i load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
inline __m128i equal(__m128i bytes, char c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}
// Bytes (unsigned) up to `limit`.
inline __m128i up_to(__m128i bytes, char limit) {
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes);
}
inline __m128i between(__m128i bytes, char first, char last) {
  return up_to(_mm_sub_epi8(bytes, _mm_set1_epi8(first)), static_cast<char>(last - first));
}
inline unsigned mask_of(__m128i bytes) {
  return static_cast<unsigned>(_mm_movemask_epi8(bytes));
}
#endif

struct Token {
  static bool has(char c) { return holds(kTokenBytes, c); }
#if defined(__SSE2__)
  // Stops at the rarer token bytes too: letters, digits and '-' are what names are made of.
  static unsigned stops(__m128i bytes) {
    const __m128i letters = between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i others = _mm_or_si128(between(bytes, '0', '9'), equal(bytes, '-'));
    return mask_of(_mm_or_si128(letters, others)) ^ 0xffffu;
  }
#endif
};

struct Value {
  static bool has(char c) { return holds(kValueBytes, c); }
#if defined(__SSE2__)
  static unsigned stops(__m128i bytes) {
    const __m128i controls = _mm_andnot_si128(equal(bytes, '\t'), up_to(bytes, 0x1f));
    return mask_of(_mm_or_si128(controls, equal(bytes, 0x7f)));
  }
#endif
};

struct Target {
  static bool has(char c) { return holds(kTargetBytes, c); }
#if defined(__SSE2__)
  static unsigned stops(__m128i bytes) {
    const __m128i visible = between(bytes, 0x21, 0x7e);
    return mask_of(_mm_andnot_si128(equal(bytes, '#'), visible)) ^ 0xffffu;
  }
#endif
};

// The first position from `at` on whose byte is not in the set; text.size() when there is none.
template <class Set>
inline std::size_t skip(Bytes text, std::size_t at) {
#if defined(__SSE2__)
  while (text.size() - at >= 16) {
    const unsigned stops = Set::stops(load(text.data() + at));
    if (stops == 0) {
      at += 16;
      continue;
    }
    at += static_cast<std::size_t>(std::countr_zero(stops));
    if (!Set::has(text[at])) return at;
    ++at;
  }
#endif
  while (at < text.size() && Set::has(text[at])) ++at;
  return at;
}

}  // namespace scan
}  // namespace headrace::http
