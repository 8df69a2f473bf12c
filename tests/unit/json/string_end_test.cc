// Goal: a string's end is found wherever it stands, and so is the byte that spoils it. Method:
// every special byte at every place of strings of many sizes, in documents with every number of
// bytes behind them, against a judge that goes byte by byte.
#include "json/string_end.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace headrace::json {
namespace {

// The text is in memory of its own size, so that a look outside it is seen.
struct Placed {
  explicit Placed(std::string_view text) : bytes(text.begin(), text.end()) {}
  const char* begin() const { return bytes.data(); }
  const char* end() const { return bytes.data() + bytes.size(); }
  std::vector<char> bytes;
};

struct Slow {
  explicit Slow(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size() && text[at] != '"' && static_cast<unsigned char>(text[at]) >= 0x20) {
      non_ascii = non_ascii || static_cast<unsigned char>(text[at]) >= 0x80;
      if (text[at++] != '\\') continue;
      escaped = true;
      if (at < text.size() && text[at] == 'u') {
        ++at;
        int digits = 0;
        for (; digits < 4 && at < text.size() && base::hex_value(text[at]) >= 0; ++at) ++digits;
        broken = digits < 4;
      } else {
        broken = at == text.size() || std::string_view("\"\\/bfnrt").find(text[at]) == text.npos;
        if (!broken) ++at;
      }
      if (broken) break;
    }
    broken = broken || at == text.size() || text[at] != '"';
    next = broken ? at : at + 1;
  }
  std::size_t next = 0;
  bool broken = false;
  bool escaped = false;
  bool non_ascii = false;
};

void check(const std::string& text) {
  CAPTURE(text);
  const Slow slow(text);
  const Placed placed(text);
  const JudgedString judged = judge_string(placed.begin(), placed.begin(), placed.end());
  CHECK(judged.next - placed.begin() == static_cast<std::ptrdiff_t>(slow.next));
  REQUIRE(((judged.flags & JudgedString::kBroken) != 0) == slow.broken);
  if (slow.broken) return;
  CHECK(((judged.flags & JudgedString::kEscaped) != 0) == slow.escaped);
  CHECK((slow.non_ascii ? (judged.flags & JudgedString::kNonAscii) != 0 : true));
}

// What `to_plain_end` says must be so; where it says nothing, nothing before its place is special.
void check_plain(const std::string& text) {
  CAPTURE(text);
  const Placed placed(text);
  const char* at = placed.begin();
  const char* const blocks_end = text.size() >= kBlock ? placed.end() - kBlock + 1 : placed.begin();
  const bool found = to_plain_end(at, blocks_end);
  const auto passed = static_cast<std::size_t>(at - placed.begin());
  REQUIRE(passed <= text.size());
  for (const char c : text.substr(0, passed)) {
    CHECK((c >= 0x20 && c != '"' && c != '\\'));
  }
  if (found) CHECK(text.at(passed) == '"');
}

TEST_CASE("a string ends at its quote, whatever stands before and behind it") {
  for (const std::string part : {"", "\\n", "\\\\", "\\\"", "\\u00e9", "\xC3\xA9", "\x7F", " "}) {
    for (std::size_t size = 0; size < 40; ++size) {
      for (std::size_t at = 0; at <= size; ++at) {
        for (const std::size_t behind : {0u, 1u, 15u, 16u, 17u, 40u}) {
          std::string text(size, 'a');
          text.insert(at, part);
          text += '"' + std::string(behind, '}');
          check(text);
          check_plain(text);
        }
      }
    }
  }
}

TEST_CASE("the byte that spoils a string is found at every place") {
  using std::string_literals::operator""s;
  for (const std::string& part :
       {"\x01"s, "\n"s, "\0"s, "\x1F"s, "\\x"s, "\\u12g4"s, "\\u"s, "\\"s}) {
    for (std::size_t size = 0; size < 40; ++size) {
      for (std::size_t at = 0; at <= size; ++at) {
        std::string text(size, 'a');
        text.insert(at, part);
        check(text + "\"}");
        check_plain(text + "\"}");
        check(text);
        check_plain(text);
      }
    }
  }
}

TEST_CASE("escapes one behind the other are passed in any number") {
  for (std::size_t size = 0; size < 20; ++size) {
    for (std::size_t count = 0; count < 40; ++count) {
      std::string text(size, 'a');
      for (std::size_t i = 0; i < count; ++i) text += i % 3 == 0 ? "\\u0041" : "\\\"";
      check(text + "\"");
      check(text + "\"" + std::string(20, ' '));
      check(text);
    }
  }
}

}  // namespace
}  // namespace headrace::json
