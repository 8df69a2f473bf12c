// OpenAI's dialect, as OpenAI and the many compatible providers speak it: what the events of a chat
// completions or completions stream mean. Tolerant towards providers (any key order, spacing,
// nulls, escaped keys, unknown fields); the table and its vectors are in docs/commit-point.md.
// Stateless, any thread.
#pragma once

#include "api/stream_events.h"
#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

// An api::ClassifyEvent.
api::EventKind classify_chat_event(Bytes event, char* scratch);

// An api::EndsStream. A scan, not a parse: it looks for the end marker and for a `finish_reason`
// key with a value that is neither null nor empty.
bool ends_chat_stream(Bytes event);

}  // namespace headrace::dialect
