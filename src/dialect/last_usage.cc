#include "dialect/last_usage.h"

#include <array>

#include "dialect/usage.h"
#include "json/tape.h"

namespace headrace::dialect {
namespace {

// The object in front of `text`, or nothing when it does not end in it.
Bytes leading_object(Bytes text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return text.substr(0, i + 1);
    }
  }
  return {};
}

// Nothing where it is none.
api::Usage usage_of(api::Family provider, Bytes object) {
  std::array<json::Node, kUsageNodes> nodes;
  if (object.empty() || !json::write_tape(object, nodes, json::Utf8::trust).ok()) return {};
  return read_usage(provider, json::Value(&object.front(), nodes.data()));
}

}  // namespace

api::Usage last_usage(api::Family provider, Bytes tail) {
  constexpr Bytes kKey = "\"usage\"";
  constexpr Bytes kBetween = " \t\r\n:";
  const std::size_t at = tail.rfind(kKey);
  if (at == Bytes::npos) return {};
  const std::size_t begin = tail.find_first_not_of(kBetween, at + kKey.size());
  if (begin == Bytes::npos || tail[begin] != '{') return {};
  return usage_of(provider, leading_object(tail.substr(begin)));
}

}  // namespace headrace::dialect
