// A fault in the configuration, told to a person: what is wrong, where, and how to mend it. All
// faults of a file are collected before anybody is told, up to kConfigFaults. A fault never quotes
// a secret: the values of secret keys and whatever an interpolation put in place stay out of
// messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace headrace::config {

struct Fault {
  std::size_t line = 0;  // from 1; 0: not about a line of the file
  std::string message;
};

// `text` between double quotes, cut at 60 bytes, with control bytes as "?": fit for one line of a
// fault.
inline std::string quote(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string result = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  if (text.size() > kShown) result += "...";
  return result + "\"";
}

class Faults {
 public:
  // Kept in the order of the file; faults of one line in the order they were found.
  void add(std::size_t line, std::string message) {
    if (full()) {
      ++untold_;
      return;
    }
    const auto after = std::upper_bound(
        list_.begin(), list_.end(), line, [](std::size_t wanted, const Fault& fault) {
          return wanted < fault.line;
        });
    list_.insert(after, {line, std::move(message)});
  }
  bool full() const { return list_.size() >= base::limits::kConfigFaults; }
  bool empty() const { return list_.empty(); }

  std::vector<Fault> take() {
    if (untold_ > 0) list_.push_back({0, std::to_string(untold_) + " more faults are not shown"});
    return std::move(list_);
  }

 private:
  std::vector<Fault> list_;
  std::size_t untold_ = 0;
};

}  // namespace headrace::config
