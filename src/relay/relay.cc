// relay.cc – hold, commit, flow, end.
#include "relay/relay.h"

#include <cstring>

#include "base/limits.h"
#include "io/compact.h"

namespace headrace::relay {

namespace limits = base::limits;

void Relay::start(const RelayOptions& options) {
  HEADRACE_ASSERT(held_.empty());
  HEADRACE_ASSERT(tail_.empty());
  options_ = options;
  splitter_.reset();
  counters_ = {};
  committed_ = saw_end_ = inside_event_ = false;
}

bool Relay::take(io::Slice piece) {
  counters_.bytes += piece.size();
  if (committed_) {
    if (options_.stream) {
      flow_stream(std::move(piece));
    } else {
      sink_.body(std::move(piece));
    }
    return false;
  }
  bool due = false;
  if (options_.stream) {
    due = hold_stream(std::move(piece));
  } else {
    counters_.bytes_copied += io::push_compact(
        held_, std::move(piece), io_.blocks(), io_.receive_pool(io::Side::upstream));
  }
  if (!due && held_bytes() >= limits::kHoldBytes) {
    counters_.hold_full = true;
    due = true;
  }
  return due;
}

// -- before the commit point

// Moves whole events from the piece to the hold, the rest to the tail. True at the first event that
// commits; what stands behind it in the piece goes along, to be split again when it flows.
bool Relay::hold_stream(io::Slice piece) {
  bool due = false;
  while (!piece.empty()) {
    const std::size_t end = splitter_.next_end(piece.view());
    if (end == http::SseSplitter::kNone) {
      keep_tail(std::move(piece));
      // Too long to be judged: whatever it is, it is more than a role or a ping.
      return due || tail_.bytes() > limits::kEventBytes;
    }
    io::Slice last = piece.split_front(end);
    io::Slice scratch;
    due = judge_event(gathered(last.view(), scratch)) || due;
    pass_tail();
    counters_.bytes_copied += io::push_compact(
        held_, std::move(last), io_.blocks(), io_.receive_pool(io::Side::upstream));
  }
  return due;
}

// Before the commit point the tail's pieces join the hold once their event is whole.
void Relay::pass_tail() {
  while (!tail_.empty()) {
    counters_.bytes_copied +=
        io::push_compact(held_, tail_.pop(), io_.blocks(), io_.receive_pool(io::Side::upstream));
  }
}

bool Relay::judge_event(base::Bytes event) {
  note_event(event);
  io::Slice scratch = io_.blocks().take(event.size());
  const api::EventKind kind = options_.classify(event, scratch.data());
  // An error before anything useful is for the exchange to judge; it commits, so that the client
  // learns of it in the provider's own words.
  if (kind == api::EventKind::error) counters_.error_event = true;
  return kind == api::EventKind::error || api::commits(kind, options_.reasoning_commits);
}

void Relay::commit(const api::AnswerHead& head) {
  HEADRACE_ASSERT(!committed_);
  committed_ = true;
  sink_.begin(head, held_.empty() ? io::Slice{} : held_.pop());
  while (!held_.empty()) sink_.body(held_.pop());
  if (options_.stream && tail_.bytes() > limits::kEventBytes) end_tail({});
}

// -- after it

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
    note_event(rest.substr(0, end));
    whole += end;
  }
  if (whole != 0) sink_.body(piece.split_front(whole));
  if (!piece.empty()) keep_tail(std::move(piece));
}

void Relay::keep_tail(io::Slice rest) {
  if (inside_event_) {
    sink_.body(std::move(rest));
    return;
  }
  counters_.bytes_copied +=
      io::push_compact(tail_, std::move(rest), io_.blocks(), io_.receive_pool(io::Side::upstream));
  if (committed_ && tail_.bytes() > limits::kEventBytes) end_tail({});
}

// The event in the tail ends with `last`; or, with nothing in `last`, it has outgrown its bound and
// what is there goes out as it is.
void Relay::end_tail(io::Slice last) {
  const bool ended = !last.empty();
  if (ended && !inside_event_) {
    io::Slice scratch;
    note_event(gathered(last.view(), scratch));
  }
  if (ended && inside_event_) ++counters_.events;
  while (!tail_.empty()) sink_.body(tail_.pop());
  if (ended) sink_.body(std::move(last));
  inside_event_ = !ended;
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

void Relay::note_event(base::Bytes event) {
  ++counters_.events;
  if (!saw_end_) saw_end_ = options_.ends_stream(event);
}

// -- the end

bool Relay::finish() {
  HEADRACE_ASSERT(committed_);
  if (!options_.stream) {
    sink_.finish();
    return true;
  }
#ifdef HEADRACE_CANARY
  saw_end_ = true;  // the planted bug: a truncated stream looks complete
#endif
  if (!tail_.empty() &&
      !saw_end_) {  // an end marker without its blank line is an end marker all the same
    io::Slice scratch;
    saw_end_ = options_.ends_stream(gathered({}, scratch));
  }
  if (!stream_complete()) return false;
  while (!tail_.empty()) sink_.body(tail_.pop());
  sink_.finish();
  return true;
}

bool Relay::finish_broken() {
  HEADRACE_ASSERT(committed_);
  if (!options_.stream || !stream_complete()) return false;
  tail_.clear();
  sink_.finish();
  return true;
}

bool Relay::break_off(base::Bytes error_event) {
  HEADRACE_ASSERT(committed_);
  const bool tellable = options_.stream && !inside_event_;
  if (tellable) {
    tail_.clear();
    sink_.body(io_.blocks().copy_of(error_event));
    sink_.finish();
  } else {
    sink_.abort();
  }
  drop();
  return tellable;
}

void Relay::drop() {
  held_.clear();
  tail_.clear();
}

}  // namespace headrace::relay
