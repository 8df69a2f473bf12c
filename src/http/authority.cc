#include "http/authority.h"

#include <algorithm>

#include "http/h1_scan.h"

namespace headrace::http {
namespace {

bool is_port(Bytes text) {
  const auto number = base::parse_decimal(text);
  return text.empty() || (number && *number <= UINT16_MAX);
}

bool is_address_literal(Bytes text) {  // without its brackets
  return text.size() >= 2 && std::all_of(text.begin(), text.end(), [](char c) {
           return base::hex_value(c) >= 0 || c == ':' || c == '.';
         });
}

bool is_registered_name(Bytes text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!scan::holds(scan::kHostBytes, text[i])) return false;
    if (text[i] != '%') continue;
    if (text.size() - i < 3) return false;
    if (base::hex_value(text[i + 1]) < 0 || base::hex_value(text[i + 2]) < 0) return false;
  }
  return !text.empty();
}

}  // namespace

bool equal_without_case(Bytes one, Bytes other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](char a, char b) {
    return base::lower(a) == base::lower(b);
  });
}

// uri-host [ ":" port ], RFC 9110 section 7.2. Credentials before the host are refused by
// section 4.2.4.
bool is_authority(Bytes text) {
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == Bytes::npos || !is_address_literal(text.substr(1, close - 1))) return false;
    const Bytes rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const std::size_t colon = text.find(':');
  if (colon == Bytes::npos) return is_registered_name(text);
  return is_registered_name(text.substr(0, colon)) && is_port(text.substr(colon + 1));
}

}  // namespace headrace::http
