// What went wrong in one run, in words. Empty is good.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>
#include <vector>

namespace headrace::sim {

class Verdict {
 public:
  [[gnu::format(printf, 2, 3)]] void fail(const char* format, ...) {
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (faults_.size() < kMost) faults_.emplace_back(text);
  }
  bool good() const { return faults_.empty(); }
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  static constexpr std::size_t kMost = 20;
  std::vector<std::string> faults_;
};

}  // namespace headrace::sim
