// What the real splitter and event parser make of a stream that comes in pieces, in the shape of
// slow_sse.h, so that the two can be compared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "h1_outcome.h"
#include "http/sse.h"
#include "slow_sse.h"

namespace headrace::test {

inline SlowEvent parsed_event(Bytes stream, std::size_t begin, std::size_t end) {
  const ExactCopy event(stream.substr(begin, end - begin));
  const std::unique_ptr<char[]> scratch(new char[end - begin]);
  const http::SseEvent parsed = http::parse_sse_event(event.bytes(), scratch.get(), begin == 0);
  return {std::string(parsed.type), std::string(parsed.data), parsed.has_data, end};
}

// The complete events of `stream`, found piece by piece; `open` says whether an unfinished one
// follows.
inline std::vector<SlowEvent> split_sse(Bytes stream,
                                        const std::vector<std::size_t>& cuts,
                                        bool& open) {
  http::SseSplitter splitter;
  std::vector<SlowEvent> events;
  std::size_t event_begin = 0;
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    const ExactCopy piece(stream.substr(begin, cut - begin));
    std::size_t at = 0;
    for (;;) {
      const std::size_t size = splitter.next_end(piece.bytes().substr(at));
      if (size == http::SseSplitter::kNone) break;
      at += size;
      events.push_back(parsed_event(stream, event_begin, begin + at));
      event_begin = begin + at;
    }
    begin = cut;
  }
  open = !splitter.between_events();
  return events;
}

}  // namespace headrace::test
