// Goal: escapes become exactly the characters they stand for, or nothing. Method: written cases and
// every code point through an independent encoder.
#include "json/text.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <string>

namespace headrace::json {
namespace {

std::optional<std::string> unescaped(Bytes quoted, std::size_t room = 64) {
  std::string scratch(room, '?');
  const auto text = unescape(quoted, scratch);
  if (!text) return std::nullopt;
  return std::string(*text);
}

TEST_CASE("text without escapes is a view of the document") {
  const Bytes quoted = "\"gpt-4o\"";
  const auto text = unescape(quoted, {});
  REQUIRE(text.has_value());
  CHECK(text->data() == quoted.data() + 1);
  CHECK(*text == "gpt-4o");
}

TEST_CASE("every escape of the grammar is understood") {
  CHECK(unescaped(R"("\"\\\/\b\f\n\r\t")") == std::string("\"\\/\b\f\n\r\t"));
  CHECK(unescaped(R"("a\u0062c")") == std::string("abc"));
  CHECK(unescaped(R"("\u00e9\u20AC\ud83d\ude00")") ==
        std::string("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  CHECK(unescaped(R"("a\u0000b")") == std::string("a\0b", 3));
}

TEST_CASE("a lone surrogate has no text") {
  for (const Bytes quoted : {R"("\ud800")",
                             R"("\ud800x12345")",
                             R"("\udc00\ud800")",
                             R"("\ud800\u0041")",
                             R"("\ud800\ud800")",
                             R"("\udc00")"}) {
    CAPTURE(quoted);
    CHECK_FALSE(unescaped(quoted).has_value());
  }
}

TEST_CASE("text that does not fit the scratch is refused, text that just fits is not") {
  CHECK(unescaped(R"("\n23")", 3) == std::string("\n23"));
  CHECK_FALSE(unescaped(R"("\n234")", 3).has_value());
  CHECK_FALSE(unescaped(R"("\u20ac")", 2).has_value());
}

TEST_CASE("every code point is encoded as it should be and measured as it was encoded") {
  for (std::uint32_t code = 1; code <= 0x10FFFF; code += code < 0x3000 ? 1 : 251) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::array<char, 32> escape;
    int size = 0;
    if (code < 0x10000) {
      size = std::snprintf(escape.data(), escape.size(), "\"\\u%04x\"", code);
    } else {
      const std::uint32_t rest = code - 0x10000;
      size = std::snprintf(escape.data(),
                           escape.size(),
                           "\"\\u%04X\\u%04x\"",
                           0xD800 + rest / 0x400,
                           0xDC00 + rest % 0x400);
    }
    const auto text = unescaped({escape.data(), static_cast<std::size_t>(size)});
    REQUIRE(text.has_value());
    const std::size_t expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    REQUIRE(text->size() == expected);
    REQUIRE(utf8_size(*text) == expected);
    std::uint32_t decoded =
        static_cast<unsigned char>((*text)[0]) & (expected == 1 ? 0x7F : 0x7F >> expected);
    for (std::size_t i = 1; i < expected; ++i) {
      decoded = decoded * 64 + (static_cast<unsigned char>((*text)[i]) & 0x3F);
    }
    REQUIRE(decoded == code);
  }
}

TEST_CASE("what is no UTF-8 character has no size") {
  for (const Bytes text : {"\x80",
                           "\xBF",
                           "\xC0\x80",
                           "\xC1\xBF",
                           "\xC3",
                           "\xC3\x28",
                           "\xE0\x9F\xBF",
                           "\xE2\x82",
                           "\xE2\x82\x28",
                           "\xED\xA0\x80",
                           "\xF0\x8F\xBF\xBF",
                           "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80",
                           "\xFF",
                           "\xF0\x9F\x98"}) {
    CHECK(utf8_size(text) == 0);
  }
}

}  // namespace
}  // namespace headrace::json
