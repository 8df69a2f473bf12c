// Goal: a star stands for any run of characters, and nothing else is special. Method: every kind of
// pattern.
#include "base/glob.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::base {
namespace {

TEST_CASE("a star stands for any run of characters, the empty one included") {
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("*", "anything"));
  CHECK(glob_matches("gpt-*", "gpt-4.1-mini"));
  CHECK(glob_matches("gpt-*", "gpt-"));
  CHECK_FALSE(glob_matches("gpt-*", "gpt"));
  CHECK(glob_matches("*mini", "gpt-4.1-mini"));
  CHECK_FALSE(glob_matches("*mini", "gpt-4.1-minis"));
  CHECK(glob_matches("a*b*c", "a-b-b-c"));
  CHECK_FALSE(glob_matches("a*b*c", "a-c-b"));
  CHECK(glob_matches("**", "x"));
  CHECK_FALSE(glob_matches("", "x"));
  CHECK(glob_matches("", ""));
}

TEST_CASE("a hostile pattern costs no more than its length times the text's") {
  const std::string text(4096, 'a');
  CHECK_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

}  // namespace
}  // namespace headrace::base
