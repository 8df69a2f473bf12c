// OpenAI's other dialect, responses: what the events of its streams mean. They are relayed to
// clients of the same dialect only. Tolerant towards providers (any key order, spacing, unknown
// events and items); the table and its vectors are in docs/commit-point.md. Stateless, any thread.
#pragma once

#include <cstdint>

#include "api/error_body.h"
#include "api/stream_events.h"
#include "base/bytes.h"
#include "dialect/short_text.h"

namespace headrace::dialect {

using base::Bytes;

// For EventTable::classify.
api::EventKind classify_response_event(Bytes event, char* scratch);

// For EventTable::ends_stream: response.completed, response.incomplete, an end marker. Events that
// say their type in front (all of OpenAI's) are judged by their first bytes, so the first piece of
// one that is too long to be gathered will do.
bool ends_response_stream(Bytes event);

// For EventTable::may_fail: `error`, response.failed, an error object. By the first bytes like the
// above.
bool response_may_fail(Bytes event);

// How far a stream has come, for the last event of one that breaks.
class ResponsePlace {
 public:
  // Every complete event, in order.
  void follow(Bytes event);
  api::SeenResponse seen() const { return {id_.view(), next_sequence_}; }

 private:
  ShortText<api::kResponseIdBytes> id_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace headrace::dialect
