// Event streams (text/event-stream): where events end, and what one event says. Works on bytes as
// they come, fragmented anywhere; accepts LF, CRLF and CR line ends. The splitter reads and never
// moves a byte.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace headrace::http {

using base::Bytes;

// Finds the ends of events. An event here is everything up to and including a blank line: a block
// of comments and a stray blank line count as (empty) events too, so that the events of a stream
// are exactly its bytes.
class SseSplitter {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // Looks at `piece`, which continues what was looked at before, and returns the size of its
  // leading part that completes the current event (always > 0), or kNone when the event does not
  // end in this piece. The caller goes on with the rest of the piece. A blank line that ends in CR
  // ends the event at the CR (nothing waits for a possible LF); an LF that then follows is taken
  // into the next event and is not a line of its own.
  std::size_t next_end(Bytes piece);

  // True between events: nothing of an unfinished event was seen (a swallowed LF after CR does not
  // count).
  bool between_events() const { return at_start_; }
  void reset();

 private:
  bool line_empty_ = true;  // no byte of the current line was seen
  bool after_cr_ = false;   // the last byte was CR: an LF belongs to it
  bool at_start_ = true;
};

// One complete event, taken apart.
struct SseEvent {
  Bytes type;             // the last `event:` value; empty when there is none
  Bytes data;             // the data lines joined by LF
  bool has_data = false;  // an event without data lines is not dispatched by any client
};

// `scratch` must hold event.size() bytes; it is used only when there are several data lines. A byte
// order mark is ignored where a stream begins; a caller that knows that the event is not the first
// one says so.
SseEvent parse_sse_event(Bytes event, char* scratch, bool stream_start = true);

}  // namespace headrace::http
