#include "dialect/tool_input.h"

#include "json/scan.h"

namespace headrace::dialect {

bool write_tool_input(json::Value arguments, api::JsonBuilder& out) {
  constexpr base::Bytes kBlanks = " \t\r\n";
  // Some servers send the object itself.
  if (arguments.is(json::Type::object)) {
    out.compact(arguments.raw());
    return true;
  }
  if (arguments.given() && !arguments.is(json::Type::string)) return false;
  const std::size_t place = out.size();
  out.unescaped(arguments.body());
  const base::Bytes text = out.from(place);
  if (text.find_first_not_of(kBlanks) == base::Bytes::npos || text == "null") {
    out.cut(place);
    out.raw("{}");
    return true;
  }
  const bool is_object = json::scan_object(text, {}, {}, json::Utf8::trust).ok();
  if (!is_object) out.cut(place);
  return is_object;
}

}  // namespace headrace::dialect
