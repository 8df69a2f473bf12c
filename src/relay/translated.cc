// translated.cc – streams whose client speaks another dialect: every event goes through the filter,
// and what it writes leaves in the call that brought the event's last byte.
#include "http/sse.h"
#include "json/scan.h"
#include "relay/relay.h"

namespace headrace::relay {

namespace limits = base::limits;
using api::EventKind;

namespace {

// In front of what is translated, for the framing of the client's side.
constexpr base::Bytes kFramingRoom = "                ";

// Nothing of it is missing but the blank line.
bool is_whole(base::Bytes event, io::Slice scratch) {
  const base::Bytes data = http::parse_sse_event(event, scratch.data()).data;
  return data == "[DONE]" || json::validate(data).ok();
}

}  // namespace

Due Relay::take_translated(io::Slice piece) {
  api::StreamFilter& filter = *options_.filter;
  Due due = Due::nothing;
  while (!piece.empty() && !filter.over()) {
    const std::size_t end = splitter_.next_end(piece.view());
    if (end == http::SseSplitter::kNone) {
      keep_tail(std::move(piece));
      break;
    }
    const io::Slice last = piece.split_front(end);
    io::Slice scratch;
    const base::Bytes event = gathered(last.view(), scratch);
    const EventKind kind = translate(event);
    if (kind == EventKind::error && !committed_ && due == Due::nothing) {
      failure_ = io_.blocks().copy_of(event);
      return Due::failure;
    }
    tail_.clear();
    if (api::commits(kind, options_.reasoning_commits)) due = Due::commit;
  }
  if (tail_.bytes() > limits::kTranslatedEventBytes) {  // it can only be translated whole
    failure_ = io_.blocks().copy_of({});
    return Due::failure;
  }
  if (committed_) {
    pass_translated();
    return Due::nothing;
  }
  if (due == Due::nothing && out_.size() >= options_.hold_bytes) {
    counters_.hold_full = true;
    due = Due::commit;
  }
  return due;
}

EventKind Relay::translate(base::Bytes event) {
  if (out_.size() == 0 && committed_) out_.raw(kFramingRoom);
  const EventKind kind = options_.filter->take(event, out_);
  ++counters_.events;
  failed_ = failed_ || options_.filter->failed();
  return kind;
}

void Relay::pass_translated() {
  if (out_.size() <= kFramingRoom.size()) return;
  io::Slice piece = out_.take();
  piece.drop_front(kFramingRoom.size());
  pass(std::move(piece));
}

bool Relay::finish_translated() {
  api::StreamFilter& filter = *options_.filter;
  if (!filter.over() && !tail_.empty()) {  // an event without its blank line is one all the same
    io::Slice scratch;
    const base::Bytes event = gathered({}, scratch);
    if (options_.events.ends_stream(event) && is_whole(event, io_.blocks().take(event.size())))
      translate(event);
  }
  tail_.clear();
  if (out_.size() == 0) out_.raw(kFramingRoom);
  const bool whole = filter.over() || filter.end(out_);
  pass_translated();
  if (whole) sink_->finish();
  return whole;
}

}  // namespace headrace::relay
