// What an event of a stream means for the commit point (docs/commit-point.md): one table per
// dialect and call. The vocabulary is shared; the tables are the dialects'.
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

// How to read the events of one kind of stream.
struct EventTable {
  // `event`: one complete SSE event with its blank line, or the front of one that is too long to be
  // judged whole (64 KiB). `scratch` must hold event.size() bytes.
  EventKind (*classify)(Bytes event, char* scratch) = nullptr;
  // Cheap enough for every event. True when a stream may end behind this one: it carries the end
  // marker or a finish reason.
  bool (*ends_stream)(Bytes event) = nullptr;
  // Likewise. False only when the event reports no failure (or ends_stream says true of it); what
  // it is, classify tells.
  bool (*may_fail)(Bytes event) = nullptr;
};

constexpr bool commits(EventKind kind, bool reasoning_commits) {
  return kind == EventKind::useful || kind == EventKind::finish || kind == EventKind::done ||
         (kind == EventKind::reasoning && reasoning_commits);
}

// Who reads along while an answer passes untouched.
class AnswerWatch {
 public:
  // One complete event of a stream. False: it is not for the client, who did not ask for it.
  virtual bool see_event(Bytes event) = 0;
  // The first bytes of an event that is too long to be seen whole; its pieces follow.
  virtual void see_front(Bytes front) = 0;
  // A piece of such an event, or of a plain answer that was too long to be read whole.
  virtual void see_piece(Bytes piece) = 0;

 protected:
  ~AnswerWatch() = default;
};

}  // namespace headrace::api
