#include "json_text.h"

#include <fmt/format.h>

namespace headrace::mock {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
}

std::string json_escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 8);
  append_escaped(result, text);
  return result;
}

}  // namespace headrace::mock
