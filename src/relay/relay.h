// Relay: moves one answer from an upstream to a client. Owned by an attempt, one thread.
//
// Before the commit point it holds everything (at most `hold_bytes`) and looks at every event of a
// stream to find the first useful one. After it, the unit of a stream is the event: it is passed on
// in the call that brings its last byte, straight from the receive buffers; the tail of an
// unfinished event waits. An event above kEventBytes is judged by its front and flows in pieces; a
// cut inside it can no longer be mended.
//
// Towards a client of another dialect the events go through a filter: what it writes for them is
// held or sent in their place, in the same call. A plain answer is translated whole, by the
// exchange.
//
// Backpressure is the generator contract: full() says stop reading, proceed() that reading may go
// on. An untouched answer is never copied on its way; what had to be copied all the same (an event
// split over buffers that are scarce, an answer gathered to be read) is counted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/answer_sink.h"
#include "api/json_builder.h"
#include "api/stream_events.h"
#include "api/stream_filter.h"
#include "base/error.h"
#include "base/limits.h"
#include "http/sse.h"
#include "io/io.h"

namespace headrace::relay {

struct RelayOptions {
  bool stream = false;  // an event stream; else a plain body
  api::EventTable events{};
  bool reasoning_commits = false;
  api::AnswerWatch* watch = nullptr;    // of an untouched answer; may be null
  api::StreamFilter* filter = nullptr;  // of a translated stream
  std::size_t hold_bytes = base::limits::kHoldBytes;
};

struct RelayCounters {
  std::uint64_t events = 0;        // of the provider, that the client saw or saw translated
  std::uint64_t bytes = 0;         // of the body that went to the client
  std::uint64_t bytes_copied = 0;  // payload copied in user space
  bool hold_full = false;          // committed because the hold was full
};

// What a piece leads to.
enum class Due : std::uint8_t {
  nothing,
  commit,   // the commit point is reached: commit() is due
  failure,  // before it, the provider reported a failure: failure() has its words
};

class Relay {
 public:
  Relay(io::Io& io, api::AnswerSink& sink) : io_(io), sink_(&sink), out_(io.blocks()) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void start(const RelayOptions& options);
  // From here on the answer goes there, wherever it began.
  void redirect(api::AnswerSink& sink) { sink_ = &sink; }

  // A piece of the answer's payload.
  [[nodiscard]] Due take(io::Slice piece);
  bool committed() const { return committed_; }
  // Bytes held so far: the length of a plain answer that ended before any commit.
  std::size_t held_bytes() const { return held_.bytes() + tail_.bytes() + out_.size(); }
  // Everything held of a plain answer as one text; copies only what came in pieces. Valid as long
  // as `scratch` and the hold.
  base::Bytes held_text(io::Slice& scratch);
  // The event by which the provider reported a failure before the commit point.
  base::Bytes failure() const { return failure_.view(); }

  // Sends the head and everything held that is whole.
  void commit(const api::AnswerHead& head);
  // Sends the head and `body` in the place of what is held: a plain answer, translated.
  void commit_instead(const api::AnswerHead& head, io::Slice body);

  // The provider reported a failure behind the commit point, and the client was told in an event.
  bool failed() const { return failed_; }

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

  // The client is behind: stop reading the upstream until proceed() says otherwise.
  bool full() const { return sink_->queued_bytes() > base::limits::kPauseBytes; }
  bool proceed() const { return sink_->queued_bytes() <= base::limits::kResumeBytes; }

  void drop();  // lets go of every buffer
  const RelayCounters& counters() const { return counters_; }

 private:
  Due hold_plain(io::Slice piece);
  Due hold_stream(io::Slice piece);
  bool hold_event(base::Bytes event, io::Slice last, Due& due);
  void hold(io::Slice piece);
  void flow_stream(io::Slice piece);
  void keep_tail(io::Slice rest);
  void end_tail(io::Slice last);
  bool note_event(base::Bytes event);
  void note_front(base::Bytes front);
  void pass_part(io::Slice part);
  api::EventKind classify(base::Bytes event);
  base::Bytes gathered(base::Bytes last, io::Slice& scratch);
  void pass(io::Slice piece);
  // Whether a stream would be whole if it ended here.
  bool stream_complete() const { return (saw_end_ || failed_) && !inside_event_; }

  // -- translated streams (translated.cc)
  Due take_translated(io::Slice piece);
  api::EventKind translate(base::Bytes event);
  void pass_translated();
  bool finish_translated();

  io::Io& io_;
  api::AnswerSink* sink_;
  RelayOptions options_;
  http::SseSplitter splitter_;
  io::SliceQueue held_;   // before the commit point: whole events, or the plain body
  io::SliceQueue tail_;   // of the unfinished event
  api::JsonBuilder out_;  // translated events that are held, or about to leave
  io::Slice failure_;
  RelayCounters counters_;
  bool committed_ = false;
  bool saw_end_ = false;
  bool failed_ = false;
  bool inside_event_ = false;  // part of an unfinished event went out already
  bool inside_end_ = false;    // with which the stream ends
};

}  // namespace headrace::relay
