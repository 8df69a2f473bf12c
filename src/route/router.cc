#include "route/router.h"

namespace headrace::route {

// The usual two-pointer match: on a mismatch the last star takes one character more. O(pattern x text).
bool glob_matches(base::Bytes pattern, base::Bytes text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = base::Bytes::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != base::Bytes::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

const config::Route* pick_route(const config::Snapshot& snapshot, base::Bytes model) {
  const config::Route* globbed = nullptr;
  for (const config::Route& route : snapshot.routes) {
    if (route.model == model) return &route;
    if (globbed == nullptr && route.model.find('*') != std::string::npos &&
        glob_matches(route.model, model)) {
      globbed = &route;
    }
  }
  return globbed;
}

}  // namespace headrace::route
