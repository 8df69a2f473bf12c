// Goal: a name is found where it stands and only there. Method: names of every size that differ in
// one byte, and every name of a list beside names that are in none.
#include "json/names.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::json {
namespace {

constexpr std::array<Bytes, 7> kTexts = {"model", "", "stream", "tools", "modes", "x", "prompt"};
constexpr Names<kTexts.size()> kNames(kTexts);

TEST_CASE("texts are the same when every byte is") {
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string text(size, 'a');
    CHECK(same_name(text, std::string(size, 'a')));
    CHECK_FALSE(same_name(text, std::string(size + 1, 'a')));
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = text;
      other[at] = 'b';
      CAPTURE(at);
      CHECK_FALSE(same_name(text, other));
    }
  }
}

TEST_CASE("every name of a list is found, and nothing else") {
  const NameList by_size(kNames);
  const NameList one_by_one(kTexts);
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    CHECK(kNames.find(kTexts[i]) == i);
    CHECK(by_size.find(kTexts[i]) == i);
    CHECK(one_by_one.find(kTexts[i]) == i);
  }
  for (const Bytes other : {"Model", "y", "mode", "models", "strean", "xx"}) {
    CAPTURE(other);
    CHECK(kNames.find(other) == kTexts.size());
    CHECK(by_size.find(other) == kTexts.size());
    CHECK(one_by_one.find(other) == kTexts.size());
  }
}

TEST_CASE("a key longer than any name is none") {
  for (const std::size_t size : {31u, 32u, 33u, 300u}) {
    CHECK(kNames.find(std::string(size, 'm')) == kTexts.size());
    CHECK(NameList(kNames).find(std::string(size, 'm')) == kTexts.size());
  }
}

TEST_CASE("a list without names finds none") {
  CHECK(NameList().size() == 0);
  CHECK(NameList().find("") == 0);
}

}  // namespace
}  // namespace headrace::json
