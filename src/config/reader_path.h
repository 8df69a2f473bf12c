// How faults name places in the file, and which names a file may give to things. For the parts of
// the reader.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "config/fault.h"

namespace headrace::config {

inline std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

inline std::string indexed(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

// Of providers, keys and credentials: they appear in metrics.
inline bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 63) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char lowered = base::lower(name[i]);
    const bool plain = (lowered >= 'a' && lowered <= 'z') || base::is_digit(name[i]);
    const bool mark = i > 0 && (name[i] == '.' || name[i] == '_' || name[i] == '-');
    if (!plain && !mark) return false;
  }
  return true;
}

inline constexpr std::string_view kNameRule =
    "a name is 1 to 63 of a-z A-Z 0-9 . _ - and begins with a letter or digit";

// "providers.lab"; what is no name stands in quotes.
inline std::string path_of_entry(std::string_view map, const std::string& name) {
  return std::string(map) + "." + (is_name(name) ? name : quote(name));
}

}  // namespace headrace::config
