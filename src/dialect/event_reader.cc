#include "dialect/event_reader.h"

namespace headrace::dialect {

// UTF-8 is not checked: a broken character is the client's to judge, as in a stream that passes
// unchanged.
EventReader::Found EventReader::read(base::Bytes event) {
  constexpr base::Bytes kBlanks = " \t\r\n";
  const http::SseEvent parsed = http::parse_sse_event(event, scratch_.room(event.size()));
  const std::size_t first = parsed.data.find_first_not_of(kBlanks);
  if (!parsed.has_data || first == base::Bytes::npos) return Found::nothing;
  const base::Bytes data = parsed.data.substr(first);
  if (data.substr(0, data.find_last_not_of(kBlanks) + 1) == "[DONE]") return Found::end_marker;
  const bool readable = document_.read(data, json::Utf8::trust).ok();
  return readable && root().is(json::Type::object) ? Found::object : Found::unreadable;
}

}  // namespace headrace::dialect
