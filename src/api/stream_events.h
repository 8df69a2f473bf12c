// What an event of a stream means for the commit point (docs/commit-point.md): one classifier per
// dialect, run on complete events before the commit point only. The vocabulary is shared; the
// tables are the dialects'.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace headrace::api {

using base::Bytes;

enum class EventKind : std::uint8_t {
  quiet,  // nothing a user waits for: roles, empty deltas, comments, pings, usage, what we cannot
          // read
  reasoning,  // visible thinking; commits only where the route says so
  useful,     // content, a tool call, a refusal, audio
  finish,     // a finish reason: an empty answer is an answer
  done,       // the end marker
  error,      // the provider reports a failure inside the stream
};

// `event`: one complete SSE event with its blank line. `scratch` must hold event.size() bytes.
using ClassifyEvent = EventKind (*)(Bytes event, char* scratch);

// True when a stream may end behind this event: it carries the end marker or a finish reason. Cheap
// enough to run on every event.
using EndsStream = bool (*)(Bytes event);

// False when an event certainly does not report a failure; else ClassifyEvent decides. As cheap. An
// event that ends its stream may report one as well (a finish reason that says so) without being
// seen here.
using MayFail = bool (*)(Bytes event);

constexpr bool commits(EventKind kind, bool reasoning_commits) {
  return kind == EventKind::useful || kind == EventKind::finish || kind == EventKind::done ||
         (kind == EventKind::reasoning && reasoning_commits);
}

}  // namespace headrace::api
