// Goal: the fast search finds exactly what a slow one finds. Method: words at every place of texts
// of every size around its blocks, in copies of exact size, with near misses around them.
#include "json/find_word.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace headrace::json {
namespace {

constexpr Word kUsage("\"usage\"", 1, 4);
constexpr Word kReason("\"finish_reason\"", 7, 14);
constexpr Word kLetter("x", 0, 0);

// A copy of exact size, so that a sanitizer sees a step too far.
template <Word kWord>
std::size_t find(const std::string& text, std::size_t from = 0) {
  const std::unique_ptr<char[]> copy(new char[text.size()]);
  text.copy(copy.get(), text.size());
  return find_word<kWord>({copy.get(), text.size()}, from);
}

template <Word kWord>
void check_everywhere(char filling) {
  const std::string word(kWord.text());
  for (std::size_t size = 0; size < 80; ++size) {
    CAPTURE(size);
    const std::string empty(size, filling);
    CHECK(find<kWord>(empty) == std::string::npos);
    for (std::size_t at = 0; at + word.size() <= size; ++at) {
      CAPTURE(at);
      std::string text = empty;
      text.replace(at, word.size(), word);
      for (std::size_t from = 0; from <= size; ++from) {
        const std::size_t expected = text.find(word, from);
        if (find<kWord>(text, from) == expected) continue;
        CAPTURE(from);
        CHECK(find<kWord>(text, from) == expected);
      }
    }
  }
}

TEST_CASE("a word is found at every place of a text of any size, from any place on") {
  check_everywhere<kUsage>(' ');
  check_everywhere<kReason>('"');
  check_everywhere<kLetter>('y');
}

TEST_CASE("texts that have the two telling bytes everywhere find only the word") {
  check_everywhere<kUsage>('u');
  check_everywhere<kUsage>('g');
  check_everywhere<kReason>('_');
  const std::string near = "\"usagE\"\"Usage\"\"usage \"usagX";
  for (std::size_t repeat = 1; repeat < 6; ++repeat) {
    std::string text;
    for (std::size_t i = 0; i < repeat; ++i) text += near;
    CHECK(find<kUsage>(text) == std::string::npos);
    CHECK(find<kUsage>(text + "\"usage\"") == text.size());
  }
}

TEST_CASE("the first of several is found, then the next") {
  const std::string text = "\"usage\"\"usage\"" + std::string(30, '-') + "\"usage\"";
  CHECK(find<kUsage>(text) == 0);
  CHECK(find<kUsage>(text, 1) == 7);
  CHECK(find<kUsage>(text, 8) == 44);
  CHECK(find<kUsage>(text, 45) == std::string::npos);
  CHECK(find<kUsage>(text, text.size()) == std::string::npos);
}

TEST_CASE("a word that is cut off by the text's end is not found") {
  for (std::size_t size = 0; size < 60; ++size) {
    const std::string text = std::string(size, '.') + "\"usage";
    CHECK(find<kUsage>(text) == std::string::npos);
  }
}

}  // namespace
}  // namespace headrace::json
