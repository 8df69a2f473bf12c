// Relay: moves one answer from an upstream to a client. Owned by an attempt, one thread.
//
// Before the commit point it holds everything (at most kHoldBytes) and looks at every event of a
// stream to find the first useful one. After it, the unit of a stream is the event: it is passed on
// in the call that brings its last byte, straight from the receive buffers; the tail of an
// unfinished event waits. An event above kEventBytes flows in pieces, and a cut inside it can no
// longer be mended.
//
// Backpressure is the generator contract: full() says stop reading, proceed() that reading may go
// on. It never touches a payload byte; what had to be copied (an event split over buffers that are
// scarce) is counted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/answer_sink.h"
#include "api/stream_events.h"
#include "base/error.h"
#include "http/sse.h"
#include "io/io.h"

namespace headrace::relay {

struct RelayOptions {
  bool stream = false;  // an event stream; else a plain body
  api::ClassifyEvent classify = nullptr;
  api::EndsStream ends_stream = nullptr;
  bool reasoning_commits = false;
};

struct RelayCounters {
  std::uint64_t events = 0;        // passed on to the client
  std::uint64_t bytes = 0;         // payload from the upstream
  std::uint64_t bytes_copied = 0;  // payload copied in user space
  bool hold_full = false;          // committed because the hold was full
  bool error_event = false;        // the provider reported an error inside the stream
};

class Relay {
 public:
  Relay(io::Io& io, api::AnswerSink& sink) : io_(io), sink_(sink) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void start(const RelayOptions& options);

  // A piece of the answer's payload. True when the commit point is reached with it: commit() is
  // due.
  [[nodiscard]] bool take(io::Slice piece);
  bool committed() const { return committed_; }
  // Bytes held so far: the length of a plain answer that ended before any commit.
  std::size_t held_bytes() const { return held_.bytes() + tail_.bytes(); }
  base::Bytes held_front() { return held_.empty() ? base::Bytes{} : held_.front().view(); }

  // Sends the head and everything held that is whole.
  void commit(const api::AnswerHead& head);

  // The upstream's answer is complete as HTTP goes. False: it is a stream that stopped in the
  // middle, and break_off() is due. REQUIRES: committed.
  [[nodiscard]] bool finish();
  // The upstream's answer broke. True: it was a stream that had said it was finished, so it is
  // whole, however its connection ended; part of an event behind that is dropped. REQUIRES:
  // committed.
  [[nodiscard]] bool finish_broken();
  // Ends a committed answer that broke: a stream by `error_event` (the terminal event of the
  // client's dialect) where that is still possible, else by cutting the connection. True when the
  // client was told.
  bool break_off(base::Bytes error_event);
  // Would a stream be whole if it ended here? (The end marker or a finish reason went out.)
  bool stream_complete() const { return saw_end_ && !inside_event_; }

  // The client is behind: stop reading the upstream until proceed() says otherwise.
  bool full() const { return sink_.queued_bytes() > base::limits::kPauseBytes; }
  bool proceed() const { return sink_.queued_bytes() <= base::limits::kResumeBytes; }

  void drop();  // lets go of every buffer
  const RelayCounters& counters() const { return counters_; }

 private:
  bool hold_stream(io::Slice piece);
  void flow_stream(io::Slice piece);
  void keep_tail(io::Slice rest);
  void end_tail(io::Slice last);
  void pass_tail();
  void note_event(base::Bytes event);
  bool judge_event(base::Bytes event);
  base::Bytes gathered(base::Bytes last, io::Slice& scratch);

  io::Io& io_;
  api::AnswerSink& sink_;
  RelayOptions options_;
  http::SseSplitter splitter_;
  io::SliceQueue held_;  // before the commit point: whole events, or the plain body
  io::SliceQueue tail_;  // of the unfinished event
  RelayCounters counters_;
  bool committed_ = false;
  bool saw_end_ = false;
  bool inside_event_ = false;  // part of an unfinished event went out already
};

}  // namespace headrace::relay
