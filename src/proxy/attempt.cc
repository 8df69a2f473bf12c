// attempt.cc – in life order: aim, start, head, body, end.
#include "proxy/attempt.h"

#include <cstring>

#include "dialect/last_usage.h"
#include "dialect/openai.h"
#include "proxy/answer_fields.h"

namespace headrace::proxy {

namespace limits = base::limits;
using base::Errc;

namespace {

bool is_event_stream(base::Bytes content_type) {
  constexpr base::Bytes kType = "text/event-stream";
  return content_type.size() >= kType.size() &&
         base::equals_lowered(content_type.substr(0, kType.size()), kType);
}

}  // namespace

void Attempt::aim(const Aim& aim) {
  HEADRACE_ASSERT(conn_ == nullptr);
  aim_ = aim;
  wire = {};
  head_ = {};
  hint_ = {};
  scan_ = {};
  response_place_ = {};
  is_stream_ = reused_ = false;
  stamps_ = {};
  paused_since_ = paused_for_ = 0;
  stamps_.dispatched = stamps_.last_activity = shop_.io.now();
}

void Attempt::start(upstream::Call& conn, upstream::WireRequest request) {
  HEADRACE_ASSERT(conn_ == nullptr);
  conn_ = &conn;
  conn.send(*this, std::move(request));
  reused_ = conn.reused();
}

void Attempt::stop() {
  if (conn_ != nullptr) leave()->cancel();
}

// The connection and this attempt part.
upstream::Call* Attempt::leave() {
  stamps_.ended = shop_.io.now();
  if (paused_since_ != 0) paused_for_ += stamps_.ended - std::exchange(paused_since_, 0);
  return std::exchange(conn_, nullptr);
}

base::Nanos Attempt::upstream_wait() const {
  return stamps_.ended == 0 ? 0 : stamps_.ended - stamps_.dispatched - paused_for_;
}

void Attempt::drop() {
  HEADRACE_ASSERT(conn_ == nullptr);
  relay_.drop();
  filter_ = nullptr;
  filter_place_.stop();
  fields_.reset();
  provider_id_.reset();
  last_words_.reset();
}

void Attempt::pause() {
  if (conn_ == nullptr || conn_->paused()) return;
  conn_->pause();
  paused_since_ = shop_.io.now();
}

void Attempt::resume() {
  if (conn_ == nullptr || !conn_->paused()) return;
  conn_->resume();
  paused_for_ += shop_.io.now() - std::exchange(paused_since_, 0);
}

// -- the answer

void Attempt::on_answer_head(const http::ResponseHead& head,
                             const http::Fields& fields,
                             base::Bytes text) {
  head_ = head;
  stamps_.first_byte = stamps_.last_activity = shop_.io.now();
  if (head.status >= 300 &&
      head.status < 400) {  // a redirect is never followed and never passed on
    stop();
    owner_.on_attempt_failed(*this, base::upstream_error(Errc::upstream_redirect));
    return;
  }
  is_stream_ = head.status == 200 && is_event_stream(fields.find("content-type", text));
  const auto seconds = static_cast<std::int64_t>(shop_.io.wall_clock() / 1'000'000'000);
  if (head.status >= 400) hint_ = read_retry_hint(fields, text, seconds);
  const AnswerFieldRules rules = {aim_.dialect->family, aim_.translated, aim_.key_limited};
  fields_ = keep_answer_fields(fields, text, rules, seconds, shop_.io.blocks());
  if (aim_.wants_texts) {
    provider_id_ = shop_.io.blocks().copy_of(fields.find(aim_.dialect->request_id_field, text));
  }
  start_relay();
}

void Attempt::start_relay() {
  relay::RelayOptions options;
  options.stream = is_stream_;
  options.events = answers().events;
  options.reasoning_commits = aim_.route->reasoning_is_useful;
  if (head_.status >= 400) {
    options.hold_bytes = limits::kErrorAnswerBytes;
  } else if (!aim_.translated) {
    options.watch = this;
  } else if (is_stream_) {
    const auto created = static_cast<std::int64_t>(shop_.io.wall_clock() / 1'000'000'000);
    filter_ =
        &filter_place_.start(shop_.io.blocks(), {aim_.dialect->family, created, aim_.wants_usage});
    options.filter = filter_;
  } else {
    options.hold_bytes = limits::kTranslatedAnswerBytes;
  }
  relay_.start(options);
}

void Attempt::on_answer_body(io::Slice piece) {
  stamps_.last_activity = shop_.io.now();
  const bool was_committed = relay_.committed();
  const relay::RelayCounters before = relay_.counters();
  const relay::Due due = relay_.take(std::move(piece));
  shop_.tally.events_relayed += relay_.counters().events - before.events;
  shop_.tally.bytes_copied += relay_.counters().bytes_copied - before.bytes_copied;
  switch (due) {
    case relay::Due::commit:
      stamps_.first_useful = shop_.io.now();
      owner_.on_attempt_ready(*this);
      return;
    case relay::Due::failure:
      owner_.on_attempt_refused(*this);
      return;
    case relay::Due::nothing:
      if (was_committed) owner_.on_attempt_progress(*this);
      return;
  }
}

void Attempt::on_answer_end() {
  leave();
  owner_.on_attempt_end(*this);
}

void Attempt::on_answer_failed(base::Error error) {
  leave();
  owner_.on_attempt_failed(*this, error);
}

// -- usage

const dialect::AnswerTable& Attempt::answers() const {
  return dialect::answers_of(*aim_.dialect, aim_.call);
}

bool Attempt::see_event(base::Bytes event) {
  if (aim_.call == dialect::Call::responses) response_place_.follow(event);
  if (!dialect::may_carry_usage(event)) return true;
  io::Slice scratch = shop_.io.blocks().take(event.size());
  const bool found = answers().scan_event(event, scratch.data(), scan_);
  if (!found || aim_.wants_usage) return true;
  return !dialect::is_usage_chunk(event, scratch.data());
}

void Attempt::see_front(base::Bytes front) {
  if (aim_.call == dialect::Call::responses) response_place_.follow(front);
  last_words_.reset();
}

// Keeps the last bytes of the answer, or of the event.
void Attempt::see_piece(base::Bytes piece) {
  constexpr std::size_t kMost = limits::kAnswerTailBytes;
  if (last_words_.buffer() == nullptr) last_words_ = shop_.io.blocks().take(kMost);
  if (piece.size() > kMost) piece.remove_prefix(piece.size() - kMost);
  char* const begin = last_words_.buffer()->base;
  std::size_t size = last_words_.size();
  if (size + piece.size() > kMost) {
    const std::size_t lost = size + piece.size() - kMost;
    std::memmove(begin, begin + lost, size - lost);
    size -= lost;
  }
  std::memcpy(begin + size, piece.data(), piece.size());
  last_words_ = io::Slice(*last_words_.buffer(), begin, size + piece.size());
}

void Attempt::read_usage(base::Bytes answer, const dialect::PlainVerdict& seen) {
  if (!seen.usage.empty()) {
    scan_.usage = dialect::read_usage(aim_.dialect->family, seen.usage.value());
    scan_.usage.set_tier(seen.tier);
  } else if (dialect::may_carry_usage(answer)) {  // further inside
    answers().scan_answer(answer, nullptr, scan_);
  }
}

api::Usage Attempt::usage() const {
  if (filter_ != nullptr) return filter_->usage();
  if (scan_.usage.empty() && last_words_.buffer() != nullptr) {
    return dialect::last_usage(aim_.dialect->family, last_words_.view());
  }
  return scan_.usage;
}

}  // namespace headrace::proxy
