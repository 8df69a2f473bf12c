// Goal: whatever goes in, what comes out is one valid JSON document, or ok() is false. Method:
// expected texts, and the scanner as a judge over every byte value.
#include "json/write.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "json/scan.h"
#include "json/text.h"

namespace headrace::json {
namespace {

std::string written_string(Bytes text) {
  std::array<char, 4096> out;
  Writer writer(out);
  writer.string(text);
  REQUIRE(writer.ok());
  return std::string(writer.written());
}

TEST_CASE("objects nest and commas stand where they should") {
  std::array<char, 256> out;
  Writer writer(out);
  writer.begin_object();
  writer.key("a");
  writer.number(18446744073709551615u);
  writer.key("b");
  writer.begin_object();
  writer.end_object();
  writer.key("c");
  writer.begin_object();
  writer.key("d");
  writer.null();
  writer.key("e");
  writer.begin_string();
  writer.append("byte ");
  writer.append(std::uint64_t{17});
  writer.end_string();
  writer.end_object();
  writer.key("f");
  writer.string("");
  writer.end_object();
  REQUIRE(writer.ok());
  CHECK(writer.written() ==
        R"({"a":18446744073709551615,"b":{},"c":{"d":null,"e":"byte 17"},"f":""})");
}

TEST_CASE("every byte value is written as valid JSON and reads back the same where it is ASCII") {
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    const std::string text = written_string({&c, 1});
    CAPTURE(value);
    CHECK(validate(text).ok());
    std::array<char, 8> scratch;
    const auto back = unescape(text, scratch);
    REQUIRE(back.has_value());
    CHECK(*back == (value < 0x80 ? Bytes(&c, 1) : Bytes("\xEF\xBF\xBD")));
  }
}

TEST_CASE("characters above ASCII pass whole, broken ones are replaced byte by byte") {
  CHECK(written_string("\xC3\xA9\xF0\x9F\x98\x80") == "\"\xC3\xA9\xF0\x9F\x98\x80\"");
  CHECK(written_string("a\xED\xA0\x80z") == "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
  CHECK(written_string("\"\\\n\x7F") == R"("\"\\\n\u007f")");
}

TEST_CASE("overflow at any size is remembered and never written past the span") {
  const Bytes text = "a\"\xC3\xA9\n\x01 0123456789";
  const std::string whole = written_string(text);
  for (std::size_t room = 0; room <= whole.size(); ++room) {
    std::string out(room + 8, '#');
    Writer writer(std::span<char>(out.data(), room));
    writer.string(text);
    CAPTURE(room);
    CHECK(writer.ok() == (room == whole.size()));
    CHECK(writer.size() <= room);
    CHECK(out.substr(room) == "########");
  }
}

TEST_CASE("what stands for itself is told from what does not, at every place of a word") {
  for (std::size_t at = 0; at < 20; ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string text(20, 'a');
      text[at] = static_cast<char>(value);
      const bool plain = value >= 0x20 && value < 0x7F && value != '"' && value != '\\';
      CHECK(plain_size(text) == (plain ? text.size() : at));
      CHECK(plain_size(text.substr(0, at)) == at);
    }
  }
}

}  // namespace
}  // namespace headrace::json
