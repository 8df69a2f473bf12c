// OpenAI's dialect, as OpenAI and the many compatible providers speak it: what the events of a chat
// completions or completions stream mean. Tolerant towards providers (any key order, spacing,
// nulls, escaped keys, unknown fields); the table and its vectors are in docs/commit-point.md.
// Stateless, any thread.
#pragma once

#include "api/stream_events.h"
#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

// For EventTable::classify.
api::EventKind classify_chat_event(Bytes event, char* scratch);

// For EventTable::ends_stream. A scan, not a parse: it looks for the end marker and for a
// `finish_reason` key with a value that is neither null nor empty.
bool ends_chat_stream(Bytes event);

// For EventTable::may_fail.
bool chat_may_fail(Bytes event);

// A chunk that carries usage and nothing else: no choice, an object `usage`, no error. A client
// that did not ask for it must not see it. `scratch` must hold event.size() bytes.
bool is_usage_chunk(Bytes event, char* scratch);

}  // namespace headrace::dialect
