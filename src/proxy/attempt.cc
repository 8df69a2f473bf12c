#include "proxy/attempt.h"

#include <array>
#include <cstring>

#include "dialect/openai.h"
#include "http/h1_writer.h"

namespace headrace::proxy {

using base::Errc;

namespace {

// What passes from an answer's head to the client (design.md, names on the wire). Nothing else
// does.
constexpr std::array<base::Bytes, 6> kForwardedNames = {"content-type",
                                                        "retry-after",
                                                        "retry-after-ms",
                                                        "x-should-retry",
                                                        "x-request-id",
                                                        "request-id"};
constexpr std::array<base::Bytes, 4> kForwardedPrefixes = {
    "openai-", "anthropic-", "x-ratelimit-", "x-tokenlimit-"};
constexpr std::size_t kForwardedBytes = 1500;

bool is_forwarded(base::Bytes name) {
  for (const base::Bytes known : kForwardedNames) {
    if (base::equals_lowered(name, known)) return true;
  }
  for (const base::Bytes prefix : kForwardedPrefixes) {
    if (name.size() > prefix.size() &&
        base::equals_lowered(name.substr(0, prefix.size()), prefix)) {
      return true;
    }
  }
  return false;
}

bool is_event_stream(base::Bytes content_type) {
  constexpr base::Bytes kType = "text/event-stream";
  return content_type.size() >= kType.size() &&
         base::equals_lowered(content_type.substr(0, kType.size()), kType);
}

}  // namespace

void Attempt::start(upstream::UpstreamConn& conn,
                    const config::Route& route,
                    std::uint32_t target,
                    io::Slice head,
                    io::Slice body) {
  HEADRACE_ASSERT(conn_ == nullptr);
  conn_ = &conn;
  route_ = &route;
  target_ = target;
  head_ = {};
  is_stream_ = false;
  stamps_ = {};
  paused_since_ = paused_for_ = 0;
  stamps_.dispatched = stamps_.last_activity = shop_.io.now();
  conn.send(*this, std::move(head), std::move(body));
  reused_ = conn.reused();
}

void Attempt::stop() {
  if (conn_ != nullptr) leave()->cancel();
}

// The connection and this attempt part.
upstream::UpstreamConn* Attempt::leave() {
  stamps_.ended = shop_.io.now();
  if (paused_since_ != 0) paused_for_ += stamps_.ended - std::exchange(paused_since_, 0);
  return std::exchange(conn_, nullptr);
}

void Attempt::drop() {
  HEADRACE_ASSERT(conn_ == nullptr);
  relay_.drop();
  fields_.reset();
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
  keep_fields(fields, text);
  relay_.start({.stream = is_stream_,
                .classify = dialect::classify_chat_event,
                .ends_stream = dialect::ends_chat_stream,
                .reasoning_commits = route_->reasoning_is_useful});
}

// The head's bytes make room for ours soon, so what goes on is kept as finished lines.
void Attempt::keep_fields(const http::Fields& fields, base::Bytes text) {
  char lines[kForwardedBytes];
  http::H1Writer writer(lines, sizeof lines);
  for (std::size_t i = 0; i < fields.count(); ++i) {
    const base::Bytes name = fields.name(i, text);
    if (!is_forwarded(name)) continue;
    const base::Bytes value = fields.value(i, text);
    if (writer.size() + name.size() + value.size() + 4 > sizeof lines) continue;
    writer.field(name, value);
  }
  fields_ = shop_.io.blocks().copy_of(writer.written());
}

void Attempt::on_answer_body(io::Slice piece) {
  stamps_.last_activity = shop_.io.now();
  const bool was_committed = relay_.committed();
  const relay::RelayCounters before = relay_.counters();
  const bool ready = relay_.take(std::move(piece));
  shop_.tally.events_relayed += relay_.counters().events - before.events;
  shop_.tally.bytes_copied += relay_.counters().bytes_copied - before.bytes_copied;
  if (ready) {
    stamps_.first_useful = shop_.io.now();
    owner_.on_attempt_ready(*this);
    return;
  }
  if (was_committed) owner_.on_attempt_progress(*this);
}

void Attempt::on_answer_end() {
  leave();
  owner_.on_attempt_end(*this);
}

void Attempt::on_answer_failed(base::Error error) {
  leave();
  owner_.on_attempt_failed(*this, error);
}

}  // namespace headrace::proxy
