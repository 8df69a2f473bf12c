// relay.cc – hold, commit, flow, end. What differs for translated streams is in translated.cc.
#include "relay/relay.h"

#include "io/compact.h"

namespace headrace::relay {

namespace limits = base::limits;
using api::EventKind;

void Relay::start(const RelayOptions& options) {
  HEADRACE_ASSERT(held_.empty());
  HEADRACE_ASSERT(tail_.empty());
  options_ = options;
  splitter_.reset();
  counters_ = {};
  committed_ = saw_end_ = failed_ = inside_event_ = inside_end_ = false;
}

Due Relay::take(io::Slice piece) {
  if (options_.filter != nullptr) return take_translated(std::move(piece));
  if (!committed_)
    return options_.stream ? hold_stream(std::move(piece)) : hold_plain(std::move(piece));
  if (options_.stream) {
    flow_stream(std::move(piece));
  } else {
    if (options_.watch != nullptr) options_.watch->see_piece(piece.view());
    pass(std::move(piece));
  }
  return Due::nothing;
}

// -- before the commit point

void Relay::hold(io::Slice piece) {
  counters_.bytes_copied +=
      io::push_compact(held_, std::move(piece), io_.blocks(), io_.receive_pool(io::Side::upstream));
}

Due Relay::hold_plain(io::Slice piece) {
  hold(std::move(piece));
  if (held_bytes() < options_.hold_bytes) return Due::nothing;
  counters_.hold_full = true;
  return Due::commit;
}

// Moves whole events from the piece to the hold, the rest to the tail. Commit is due at the first
// event that commits; what stands behind it in the piece goes along, to be split again when it
// flows.
Due Relay::hold_stream(io::Slice piece) {
  Due due = Due::nothing;
  while (!piece.empty()) {
    const std::size_t end = splitter_.next_end(piece.view());
    if (end == http::SseSplitter::kNone) {
      keep_tail(std::move(piece));
      // Too long to be judged: whatever it is, it is more than a role or a ping.
      if (tail_.bytes() > limits::kEventBytes) due = Due::commit;
      break;
    }
    io::Slice last = piece.split_front(end);
    io::Slice scratch;
    const base::Bytes event = gathered(last.view(), scratch);
    if (!hold_event(event, std::move(last), due)) return Due::failure;
  }
  if (due == Due::nothing && held_bytes() >= options_.hold_bytes) {
    counters_.hold_full = true;
    due = Due::commit;
  }
  return due;
}

// `last`: the slice that the event ends in; the tail has what came before. False when the event
// reports a failure and nothing before it was useful.
bool Relay::hold_event(base::Bytes event, io::Slice last, Due& due) {
  const EventKind kind = classify(event);
  if (kind == EventKind::error && due == Due::nothing) {
    failure_ = io_.blocks().copy_of(event);
    return false;
  }
  if (kind == EventKind::error) failed_ = true;
  if (kind == EventKind::finish || kind == EventKind::done) saw_end_ = true;
  if (api::commits(kind, options_.reasoning_commits)) due = Due::commit;
  if (options_.watch != nullptr && !options_.watch->see_event(event)) {
    tail_.clear();
    return true;
  }
  ++counters_.events;
  while (!tail_.empty()) hold(tail_.pop());
  hold(std::move(last));
  return true;
}

EventKind Relay::classify(base::Bytes event) {
  io::Slice scratch = io_.blocks().take(event.size());
  return options_.events.classify(event, scratch.data());
}

base::Bytes Relay::held_text(io::Slice& scratch) {
  HEADRACE_ASSERT(tail_.empty());
  if (held_.empty()) return {};
  if (held_.count() == 1) return held_.front().view();
  scratch = io_.blocks().take(held_.bytes());
  char* out = scratch.data();
  for (std::size_t i = 0; i < held_.count(); ++i) out = base::write_bytes(out, held_[i].view());
  counters_.bytes_copied += held_.bytes();
  return {scratch.data(), held_.bytes()};
}

void Relay::commit(const api::AnswerHead& head) {
  HEADRACE_ASSERT(!committed_);
  committed_ = true;
  if (options_.filter != nullptr) {
    counters_.bytes += out_.size();
    sink_->begin(head, out_.take());
    return;
  }
  io::Slice first = held_.empty() ? io::Slice{} : held_.pop();
  counters_.bytes += first.size();
  sink_->begin(head, std::move(first));
  while (!held_.empty()) pass(held_.pop());
  if (options_.stream && tail_.bytes() > limits::kEventBytes) end_tail({});
}

void Relay::commit_instead(const api::AnswerHead& head, io::Slice body) {
  HEADRACE_ASSERT(!committed_);
  HEADRACE_ASSERT(!options_.stream);
  held_.clear();
  committed_ = true;
  counters_.bytes += body.size();
  sink_->begin(head, std::move(body));
}

// -- after it

void Relay::pass(io::Slice piece) {
  counters_.bytes += piece.size();
  sink_->body(std::move(piece));
}

void Relay::flow_stream(io::Slice piece) {
  std::size_t whole = 0;  // bytes of the piece up to the end of its last complete event
  for (;;) {
    const base::Bytes rest = piece.view().substr(whole);
    if (rest.empty()) break;
    const std::size_t end = splitter_.next_end(rest);
    if (end == http::SseSplitter::kNone) break;
    if (!tail_.empty() || inside_event_) {
      end_tail(piece.split_front(end));
      continue;  // `whole` is still 0: this was the first end in the piece
    }
    if (note_event(rest.substr(0, end))) {
      whole += end;
      continue;
    }
    if (whole != 0) pass(piece.split_front(std::exchange(whole, 0)));
    piece.split_front(end);
  }
  if (whole != 0) pass(piece.split_front(whole));
  if (!piece.empty()) keep_tail(std::move(piece));
}

void Relay::keep_tail(io::Slice rest) {
  if (inside_event_) return pass_part(std::move(rest));
  counters_.bytes_copied +=
      io::push_compact(tail_, std::move(rest), io_.blocks(), io_.receive_pool(io::Side::upstream));
  if (committed_ && options_.filter == nullptr && tail_.bytes() > limits::kEventBytes) end_tail({});
}

// The event in the tail ends with `last`; or, with nothing in `last`, it has outgrown its bound and
// what is there goes out as it is.
void Relay::end_tail(io::Slice last) {
  io::Slice scratch;
  if (last.empty()) {
    note_front(gathered({}, scratch));
    while (!tail_.empty()) pass_part(tail_.pop());
    inside_event_ = true;
  } else if (inside_event_) {
    pass_part(std::move(last));
    ++counters_.events;
    saw_end_ = saw_end_ || inside_end_;
    inside_event_ = inside_end_ = false;
  } else if (note_event(gathered(last.view(), scratch))) {
    while (!tail_.empty()) pass(tail_.pop());
    pass(std::move(last));
  } else {
    tail_.clear();
  }
}

// Part of an event that nobody reads whole.
void Relay::pass_part(io::Slice part) {
  if (options_.watch != nullptr) options_.watch->see_piece(part.view());
  pass(std::move(part));
}

// The tail and `last` as one text, for those who must read an event whole. Copies only a split
// event.
base::Bytes Relay::gathered(base::Bytes last, io::Slice& scratch) {
  if (tail_.empty()) return last;
  scratch = io_.blocks().take(tail_.bytes() + last.size());
  char* out = scratch.data();
  for (std::size_t i = 0; i < tail_.count(); ++i) out = base::write_bytes(out, tail_[i].view());
  out = base::write_bytes(out, last);
  const auto size = static_cast<std::size_t>(out - scratch.data());
  counters_.bytes_copied += size;
  return {scratch.data(), size};
}

// True when the client shall see it.
bool Relay::note_event(base::Bytes event) {
  const bool ends = !saw_end_ && options_.events.ends_stream(event);
  if (ends || (!saw_end_ && options_.events.may_fail(event))) {  // both are rare
    failed_ = failed_ || classify(event) == EventKind::error;
    saw_end_ = ends && !failed_;
  }
  if (options_.watch != nullptr && !options_.watch->see_event(event)) return false;
  ++counters_.events;
  return true;
}

// The last event of a response repeats all that was said: it is as long as the answer.
void Relay::note_front(base::Bytes front) {
  if (!saw_end_) {
    inside_end_ = options_.events.ends_stream(front);
    failed_ = failed_ || (options_.events.may_fail(front) && classify(front) == EventKind::error);
  }
  if (options_.watch != nullptr) options_.watch->see_front(front);
}

// -- the end

bool Relay::finish() {
  HEADRACE_ASSERT(committed_);
  if (!options_.stream) {
    sink_->finish();
    return true;
  }
  if (options_.filter != nullptr) return finish_translated();
#ifdef HEADRACE_CANARY
  saw_end_ = true;  // the planted bug: a truncated stream looks complete
#endif
  if (!tail_.empty() && !saw_end_) {  // an end marker without its blank line is one all the same
    io::Slice scratch;
    saw_end_ = options_.events.ends_stream(gathered({}, scratch));
  }
  if (!stream_complete()) return false;
  while (!tail_.empty()) pass(tail_.pop());
  sink_->finish();
  return true;
}

bool Relay::finish_broken() {
  HEADRACE_ASSERT(committed_);
  if (!options_.stream) return false;
  if (options_.filter != nullptr) return finish_translated();
  if (!stream_complete()) return false;
  tail_.clear();
  sink_->finish();
  return true;
}

bool Relay::break_off(base::Bytes error_event) {
  HEADRACE_ASSERT(committed_);
  const bool tellable = options_.stream && !inside_event_;
  if (tellable) {
    tail_.clear();
    pass(io_.blocks().copy_of(error_event));
    sink_->finish();
  } else {
    sink_->abort();
  }
  drop();
  return tellable;
}

void Relay::drop() {
  held_.clear();
  tail_.clear();
  failure_.reset();
  out_.take().reset();
}

}  // namespace headrace::relay
