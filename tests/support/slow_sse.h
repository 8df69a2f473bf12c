// Event streams read the obvious way, one byte and one line at a time, by the letter of the
// standard (WHATWG HTML, "Interpreting an event stream"). Too slow to serve, simple enough to
// believe: tests and the fuzz target hold the real splitter and parser against it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace headrace::test {

struct SlowEvent {
  std::string type;
  std::string data;
  bool has_data = false;
  std::size_t end = 0;  // offset in the stream behind the blank line's first terminating byte

  friend bool operator==(const SlowEvent&, const SlowEvent&) = default;
};

inline void apply_slow_line(const std::string& line, SlowEvent& event) {
  const std::size_t colon = line.find(':');
  const std::string name = line.substr(0, colon);
  std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
  if (!value.empty() && value[0] == ' ') value.erase(0, 1);
  if (name == "event") event.type = value;
  if (name == "data") {
    if (event.has_data) event.data += '\n';
    event.data += value;
    event.has_data = true;
  }
}

inline std::vector<SlowEvent> slow_sse(base::Bytes stream) {
  std::vector<SlowEvent> events;
  SlowEvent event;
  std::string line;
  std::size_t line_begin = 0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const char c = stream[i];
    if (c == '\n' && i > 0 && stream[i - 1] == '\r') {
      line_begin = i + 1;
      continue;
    }
    if (c != '\n' && c != '\r') {
      line += c;
      continue;
    }
    if (line.empty()) {
      event.end = i + 1;
      events.push_back(event);
      event = SlowEvent{};
    } else {
      if (line_begin == 0 && line.rfind("\xef\xbb\xbf", 0) == 0) line.erase(0, 3);
      apply_slow_line(line, event);
    }
    line.clear();
    line_begin = i + 1;
  }
  return events;
}

}  // namespace headrace::test
