// Text as bytes: ASCII case rules and number parsing that never look past the given span, never
// allocate and never consult the locale. `Bytes` is std::string_view because most wire bytes here
// are text.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace headrace::base {

using Bytes = std::string_view;

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Value of one hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// REQUIRES: `lowered` is already lower case.
constexpr bool equals_lowered(Bytes text, Bytes lowered) {
  if (text.size() != lowered.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lowered[i]) return false;
  }
  return true;
}

constexpr Bytes trim_blanks(Bytes text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Decimal digits only, at least one, no sign, no overflow.
constexpr std::optional<std::uint64_t> parse_decimal(Bytes text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

// Two digits at a time: they are written for every number of every head and audit line.
inline char* write_pair(char* out, std::uint64_t below_100) {
  static constexpr char kPairs[] =
      "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
      "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
      "9293949596979899";
  std::memcpy(out, kPairs + 2 * below_100, 2);
  return out + 2;
}

inline constexpr std::size_t kDecimalBytes = 20;  // of the longest number

// Writes `value` in decimal at `out` (room for kDecimalBytes) and returns the end.
inline char* write_decimal(char* out, std::uint64_t value) {
  // By the number of digits less one; the first is never compared with more than it.
  static constexpr std::uint64_t kPowers[] = {0,
                                              10,
                                              100,
                                              1'000,
                                              10'000,
                                              100'000,
                                              1'000'000,
                                              10'000'000,
                                              100'000'000,
                                              1'000'000'000,
                                              10'000'000'000,
                                              100'000'000'000,
                                              1'000'000'000'000,
                                              10'000'000'000'000,
                                              100'000'000'000'000,
                                              1'000'000'000'000'000,
                                              10'000'000'000'000'000,
                                              100'000'000'000'000'000,
                                              1'000'000'000'000'000'000,
                                              10'000'000'000'000'000'000u};
  // log10(2) is about 1233/4096: right, or one too many.
  const auto bits = static_cast<std::size_t>(std::bit_width(value));
  const std::size_t guess = bits * 1233 >> 12;
  char* const end = out + guess + (value >= kPowers[guess] ? 1 : 0);
  char* next = end;
  while (value >= 100) {
    next -= 2;
    write_pair(next, value % 100);
    value /= 100;
  }
  if (value >= 10) {
    write_pair(next - 2, value);
  } else {
    next[-1] = static_cast<char>('0' + value);
  }
  return end;
}

// Writes `value` in lower-case hexadecimal without leading zeros (room for 16) and returns the end.
inline char* write_hex(char* out, std::uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *out++ = kDigits[(value >> shift) & 15];
  return out;
}

inline char* write_bytes(char* out, Bytes text) {
  if (!text.empty())
    std::memcpy(out, text.data(), text.size());  // an empty text may have no address
  return out + text.size();
}

}  // namespace headrace::base
