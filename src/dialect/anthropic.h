// Anthropic's dialect, messages: what the events of a stream mean. Tolerant towards providers (any
// key order, spacing, unknown events and blocks); the table and its vectors are in
// docs/commit-point.md. Stateless, any thread.
#pragma once

#include "api/stream_events.h"
#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

// For EventTable::classify.
api::EventKind classify_message_event(Bytes event, char* scratch);

// For EventTable::ends_stream: message_stop, or a message_delta with a stop reason. It searches
// every event for words and reads the few that have them.
bool ends_message_stream(Bytes event);

// For EventTable::may_fail.
bool message_may_fail(Bytes event);

}  // namespace headrace::dialect
