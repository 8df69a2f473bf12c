// Goal: the small text functions agree with a slow reference on every byte and at every edge.
// Method: all 256 bytes against the rules written out; numbers around each power and both ends.
#include "base/bytes.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <string>

namespace headrace::base {
namespace {

TEST_CASE("case and classes follow ASCII for every byte, whatever the locale") {
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    CAPTURE(value);
    const bool upper = value >= 65 && value <= 90;
    CHECK(static_cast<unsigned char>(lower(c)) == (upper ? value + 32 : value));
    CHECK(is_digit(c) == (value >= 48 && value <= 57));
    CHECK(is_blank(c) == (value == 32 || value == 9));
    const auto place = std::string_view("0123456789abcdef").find(lower(c));
    CHECK(hex_value(c) == (place == std::string_view::npos ? -1 : static_cast<int>(place)));
  }
}

TEST_CASE("comparison ignores case but not length, and never takes a non-letter for another") {
  CHECK(equals_lowered("Content-Length", "content-length"));
  CHECK(equals_lowered("", ""));
  CHECK_FALSE(equals_lowered("content-lengt", "content-length"));
  CHECK_FALSE(equals_lowered("content-length ", "content-length"));
  CHECK_FALSE(equals_lowered("[", "{"));  // 0x5b and 0x7b differ by the case bit alone
  CHECK_FALSE(equals_lowered("@", "`"));
  CHECK_FALSE(equals_lowered("content_length", "content-length"));
}

TEST_CASE("trimming takes spaces and tabs from both ends and nothing else") {
  CHECK(trim_blanks(" \t a b \t") == "a b");
  CHECK(trim_blanks("\x0b"
                    "a") ==
        "\x0b"
        "a");
  CHECK(trim_blanks("\r\na\r\n") == "\r\na\r\n");
  CHECK(trim_blanks(" \t ").empty());
  CHECK(trim_blanks("").empty());
}

TEST_CASE("a decimal is digits only and must fit 64 bits") {
  CHECK(parse_decimal("0") == 0u);
  CHECK(parse_decimal("0010") == 10u);
  CHECK(parse_decimal("18446744073709551615") == UINT64_MAX);
  for (const char* bad : {"",
                          "+5",
                          "-1",
                          " 5",
                          "5 ",
                          "5, 5",
                          "0x5",
                          "1_0",
                          "5\n",
                          "18446744073709551616",
                          "18446744073709551625",
                          "99999999999999999999",
                          "184467440737095516150"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_decimal(bad).has_value());
  }
}

TEST_CASE("a number written in decimal or hexadecimal reads back the same") {
  const auto check = [](std::uint64_t value) {
    char room[32];
    const std::string decimal(room, write_decimal(room, value));
    CHECK(decimal == std::to_string(value));
    CHECK(decimal.size() <= 20);
    CHECK(parse_decimal(decimal) == value);
    char expected[32];
    const int length =
        std::snprintf(expected, sizeof expected, "%llx", static_cast<unsigned long long>(value));
    CHECK(std::string(room, write_hex(room, value)) ==
          std::string(expected, static_cast<std::size_t>(length)));
  };
  check(0);
  for (int shift = 0; shift < 64; ++shift) {
    const std::uint64_t power = std::uint64_t{1} << shift;
    check(power - 1);
    check(power);
    check(power + 1);
  }
  check(UINT64_MAX);
}

TEST_CASE("bytes are written as they are, NUL included") {
  char room[8] = {};
  char* end = write_bytes(room, Bytes("a\0b", 3));
  CHECK(end == room + 3);
  CHECK(Bytes(room, 3) == Bytes("a\0b", 3));
  CHECK(write_bytes(end, "") == end);
}

}  // namespace
}  // namespace headrace::base
