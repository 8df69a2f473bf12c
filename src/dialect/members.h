// Members of a provider's object, for those who judge events. Text that is not UTF-8 and keys given
// twice (the last one counts) are the client's to judge: what matters here is only whether somebody
// is waiting for this event. Stateless, any thread.
#pragma once

#include <array>
#include <cstddef>

#include "base/bytes.h"
#include "json/scan.h"
#include "json/text.h"

namespace headrace::dialect {

using base::Bytes;

inline constexpr Bytes kBlanks = " \t\r\n";

template <std::size_t kCount>
struct Members {
  std::array<json::FoundValue, kCount> found{};
  bool ok = false;

  Members(Bytes object, const json::Names<kCount>& keys) {
    const json::ScanResult result = json::scan_object(object, keys, found, json::Utf8::trust);
    ok = result.ok() || result.fault == json::Fault::duplicate_key;
    if (!ok) found = {};
  }
};

// A string that is not empty.
inline bool has_text(const json::FoundValue& value) {
  return value.type == json::Type::string && value.size > 2;
}

// REQUIRES: `expected` is at most 64 bytes.
inline bool text_is(const json::FoundValue& value, Bytes object, Bytes expected) {
  if (value.type != json::Type::string) return false;
  std::array<char, 64> scratch;
  return json::unescape(value.text(object), scratch) == expected;
}

inline bool has_elements(const json::FoundValue& value, Bytes object) {
  return value.type == json::Type::array && json::ArrayWalk(value.text(object)).next().has_value();
}

// An `error` member that reports one.
inline bool says_something(const json::FoundValue& error) {
  return error.type != json::Type::absent && error.type != json::Type::null &&
         error.type != json::Type::boolean;
}

inline Bytes trim(Bytes text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == Bytes::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace headrace::dialect
