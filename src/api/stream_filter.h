// A stream filter turns the events of a provider into the events of a client that speaks another
// dialect. It is fed one complete event at a time and appends what the client shall see (nothing,
// one event, several) to an output buffer; what it says of them is what the commit point needs.
//
// One filter serves one attempt, on one thread, and keeps nothing of the bytes it was fed beyond
// bounded state of its own. It knows no connections: when to hold, send or give up is the relay's
// and the exchange's business.
#pragma once

#include <cstdint>

#include "api/json_builder.h"
#include "api/stream_events.h"
#include "api/usage.h"

namespace headrace::api {

// Why an answer ended, in words that every dialect has.
enum class Finish : std::uint8_t { none, stop, length, tool_calls, content_filter };

class StreamFilter {
 public:
  // `event`: one complete SSE event with its blank line. Returns the strongest kind among what it
  // stands for (quiet when nothing was written that anybody waits for). EventKind::error: the
  // provider reported a failure or sent what cannot be read; the client's own error event was
  // written and nothing may follow it. REQUIRES: !over().
  virtual EventKind take(Bytes event, JsonBuilder& out) = 0;

  // The provider's stream ended, by its end marker or without one. True when the answer is whole:
  // what a client still needs to see of its end was written. False: it was cut off or it failed;
  // unless over(), the exchange owes the client an error event.
  virtual bool end(JsonBuilder& out) = 0;

  // Nothing may follow what was written: the end marker or an error event went out.
  bool over() const { return over_; }
  bool failed() const { return failed_; }
  // What was reported so far, as disjoint classes.
  virtual Usage usage() const = 0;
  Finish finish() const { return finish_; }

 protected:
  ~StreamFilter() = default;

  bool over_ = false;
  bool failed_ = false;
  Finish finish_ = Finish::none;
};

}  // namespace headrace::api
