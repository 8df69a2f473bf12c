// Fields of a head as a parser would have left them, for tests of what reads fields.
#pragma once

#include <string>

#include "http/message.h"

namespace headrace::test {

class ParsedFields {
 public:
  void add(std::string_view name, std::string_view value) {
    http::FieldSpan span;
    span.name_begin = static_cast<std::uint16_t>(text.size());
    span.name_size = static_cast<std::uint16_t>(name.size());
    text += name;
    span.value_begin = static_cast<std::uint16_t>(text.size());
    span.value_size = static_cast<std::uint16_t>(value.size());
    text += value;
    fields.add(span);
  }

  http::Fields fields;
  std::string text;
};

}  // namespace headrace::test
