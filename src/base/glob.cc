#include "base/glob.h"

#include <cstddef>

namespace headrace::base {

// The usual two-pointer match: on a mismatch the last star takes one character more. O(pattern x
// text).
bool glob_matches(Bytes pattern, Bytes text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = Bytes::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != Bytes::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace headrace::base
