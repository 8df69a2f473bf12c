// upstream_conn.cc – in life order: connect, send, head, body, end; then the ways to die.
#include "upstream/upstream_conn.h"

#include <cerrno>

#include "base/limits.h"
#include "upstream/pool.h"

namespace headrace::upstream {

namespace limits = base::limits;
using base::Errc;

UpstreamConn::UpstreamConn(io::Io& io, Pool& pool, Origin& origin)
    : io_(io), pool_(pool), origin_(origin), dial_(io, pool, origin, *this) {}

UpstreamConn::~UpstreamConn() {
  HEADRACE_ASSERT(owner_ == nullptr);
  HEADRACE_ASSERT(lane_ == nullptr);
}

void UpstreamConn::send(AnswerOwner& owner, WireRequest request) {
  HEADRACE_ASSERT(owner_ == nullptr);
  HEADRACE_ASSERT(state_ == State::connecting || state_ == State::idle);
  owner_ = &owner;
  owner.wire = {};
  request_ = std::move(request);
  ++requests_;
  // One that came about in this turn was made for whoever waited for it.
  was_there_ = state_ == State::idle && (requests_ > 1 || idle_since != io_.now());
  parser_.reset();
  in_body_ = answer_started_ = keep_alive_ = false;
  interim_answers_ = 0;
  waits_since_ = io_.now();
  if (state_ == State::connecting) return;
  state_ = State::busy;
  flush_request();
}

void UpstreamConn::flush_request() {
  net::Stream& stream = lane_->stream();
  const base::Nanos now = io_.clock();  // within the turn: from the pool it takes microseconds
  owner_->wire = {now, now, reused() ? 0 : stream.connected_at()};
  if (asks_proxy()) {
    stream.send(origin_.egress()->take_request_line(request_.first, io_.blocks()));
  }
  stream.send(std::move(request_.first));
  stream.send(std::move(request_.second));
  stream.send(std::move(request_.third));
}

// The proxy is asked for the answer, not for a tunnel.
bool UpstreamConn::asks_proxy() const {
  return origin_.egress() != nullptr && !origin_.egress()->tunnels();
}

void UpstreamConn::on_dialled(Lane& lane) {
  HEADRACE_ASSERT(state_ == State::connecting);
  if (pool_.settle(origin_, lane.stream()) == Protocol::h2) {
    // A surprise: whoever waited asks again, and finds it where HTTP/2 is spoken.
    pool_.claim(*this);
    pool_.take_h2(origin_, lane);
    base::Error error = base::upstream_error(Errc::upstream_closed);
    error.retry = base::Retry::same_target;
    fail(error);
    return;
  }
  use(lane);
}

void UpstreamConn::take(Lane& lane) {
  use(lane);
}

void UpstreamConn::use(Lane& lane) {
  lane_ = &lane;
  lane.lend(*this);
  if (paused_) lane.stream().pause(io::kPauseBackpressure);
  lane.stream().recv_start();
  pool_.note_connected(*this);
  if (owner_ != nullptr) {
    pool_.note_waited(waits_since_);
    state_ = State::busy;
    flush_request();
    return;
  }
  state_ = State::idle;
  pool_.put_idle(*this);
}

void UpstreamConn::on_dial_failed(base::Error error) {
  fail(error);
}

void UpstreamConn::pause() {
  paused_ = true;
  if (lane_ != nullptr) lane_->stream().pause(io::kPauseBackpressure);
}

void UpstreamConn::resume() {
  paused_ = false;
  if (lane_ != nullptr) lane_->stream().resume(io::kPauseBackpressure);
}

// Only a request that the kernel took in parts moves its stamp: to the turn that handed over the
// last one.
void UpstreamConn::on_sent() {
  if (owner_ == nullptr) return;
  if (lane_->stream().queued_bytes() != 0) {
    owner_->wire.request_sent = 0;
  } else if (owner_->wire.request_sent == 0) {
    owner_->wire.request_sent = io_.clock();
  }
}

void UpstreamConn::on_data(io::Slice slice) {
  if (state_ == State::closing) return;
  // Nothing was asked: whatever this is, the connection is not to be trusted.
  if (state_ == State::idle) {
    retire(io::CloseHow::orderly);
    return;
  }
  answer_started_ = true;
  while (!in_body_) {
    if (!read_head(slice)) return;
  }
  read_body(std::move(slice));
}

// Reads the head at the front of what was received. True when a head was dealt with and `slice`
// goes on behind it; false when more bytes are needed or the connection is gone.
bool UpstreamConn::read_head(io::Slice& slice) {
  if (gathered_head_.size() + slice.size() >
      limits::kAnswerHeadBytes + io_.receive_pool(io::Side::upstream).buffer_bytes()) {
    fail(broken(Errc::upstream_protocol, 0));
    return false;
  }
  const base::Bytes text = gathered_head_.join(slice, io_.blocks());
  switch (parser_.parse(text)) {
    case http::Parse::need_more:
      gathered_head_.keep(slice, io_.blocks());
      return false;
    case http::Parse::failed:
      fail(broken(Errc::upstream_protocol, 0));
      return false;
    case http::Parse::done:
      break;
  }

  const http::ResponseHead head = parser_.head();
  note_keep_alive(text);
  // What the head took of the newest slice becomes free room before its body.
  slice.drop_front(parser_.head_bytes() - gathered_head_.before());
  if (head.status < 200) {
    gathered_head_.reset();
    parser_.reset();
    if (++interim_answers_ > limits::kInterimAnswers) {
      fail(broken(Errc::upstream_protocol, 0));
      return false;
    }
    return !slice.empty();
  }
  // Only a proxy says that, and it is not the client who could answer it.
  if (head.status == 407 && asks_proxy()) {
    const std::string words = refusal_text(*origin_.egress(), head.status);
    pool_.note_failure(origin_, Errc::proxy_failed, words);
    fail(base::upstream_error(Errc::proxy_failed));
    return false;
  }
  in_body_ = true;
  keep_alive_ = head.keep_alive;
  body_.start(head.framing, head.content_length);
  AnswerOwner* owner = owner_;
  owner->on_answer_head(head, parser_.fields(), text);
  if (owner_ != owner) return false;  // the attempt was cancelled over this head
  gathered_head_.reset();
  return true;
}

// A server may say how long it lets a connection idle: `Keep-Alive: timeout=5`.
void UpstreamConn::note_keep_alive(base::Bytes text) {
  constexpr base::Bytes kTimeout = "timeout=";
  base::Bytes value = parser_.fields().find("keep-alive", text);
  const std::size_t at = value.find(kTimeout);
  if (at == base::Bytes::npos) return;
  value.remove_prefix(at + kTimeout.size());
  const std::size_t end = std::min(value.find_first_not_of("0123456789"), value.size());
  const auto seconds = base::parse_decimal(value.substr(0, end));
  if (!seconds || *seconds == 0 || *seconds > 86'400) return;
  origin_.idle_span().announce(static_cast<base::Nanos>(*seconds) * base::kSecond);
}

// Cuts the payload out of `slice`. A piece is handed on when the framing behind it is known,
// because those bytes are its tailroom: two of them (CRLF) stay with the piece, the rest is
// headroom of the next.
void UpstreamConn::read_body(io::Slice slice) {
  constexpr std::size_t kKeptBehind = 2;
  AnswerOwner* const owner = owner_;
  io::Slice piece;
  for (;;) {
    const http::H1Body::Step step = body_.next(slice.view());
    if (step.framing != 0) {
      const std::size_t kept = piece.empty() ? 0 : std::min(step.framing, kKeptBehind);
      slice.drop_front(step.framing);
      piece.set_tailroom(piece.empty() ? 0 : kept);
      slice.set_headroom(slice.headroom() - kept);
    }
    const bool last = step.state != http::H1Body::State::payload;
    if (!piece.empty()) {
      if (last && slice.empty()) piece.set_tailroom(piece.tailroom() + slice.tailroom());
      owner->on_answer_body(std::move(piece));
      if (owner_ != owner) return;  // cancelled over this piece
    }
    switch (step.state) {
      case http::H1Body::State::payload:
        piece = slice.split_front(step.payload);
        break;
      case http::H1Body::State::need_more:
        return;
      case http::H1Body::State::done:
        finish_answer(!slice.empty());
        return;
      case http::H1Body::State::failed:
        fail(broken(Errc::upstream_protocol, 0));
        return;
    }
  }
}

// The answer is complete. Stray bytes behind it spoil the connection, not the answer.
void UpstreamConn::finish_answer(bool leftover) {
  AnswerOwner* owner = std::exchange(owner_, nullptr);
  const bool request_unsent = lane_->stream().queued_bytes() != 0;
  if (keep_alive_ && !leftover && !request_unsent) {
    state_ = State::idle;
    resume();
    pool_.put_idle(*this);
  } else {
    retire(io::CloseHow::orderly);
  }
  owner->on_answer_end();
}

void UpstreamConn::on_eof() {
  if (state_ == State::closing) return;
  if (state_ == State::idle) origin_.idle_span().note_end(io_.now() - idle_since);
  if (state_ == State::busy && in_body_ && body_.finish_at_eof()) {
    keep_alive_ = false;
    finish_answer(false);
    return;
  }
  fail(broken(Errc::upstream_closed, 0));
}

void UpstreamConn::on_error(base::Error error) {
  if (state_ == State::closing) return;
  // What TLS says of the end stays: that bytes may be missing, or that some were not the server's.
  const bool by_tls = error.code == Errc::tls_truncated || error.code == Errc::tls_failed;
  fail(broken(by_tls ? error.code : Errc::upstream_reset, error.os_errno));
}

// A reused connection that dies before any answer byte lost a race against the server's idle
// timeout: nothing was processed, and the same target may be asked again on a fresh connection.
base::Error UpstreamConn::broken(Errc code, std::int32_t os_errno) const {
  base::Error error = base::upstream_error(code, os_errno);
  if (reused() && !answer_started_) error.retry = base::Retry::same_target;
  return error;
}

void UpstreamConn::fail(base::Error error) {
  AnswerOwner* owner = std::exchange(owner_, nullptr);
  retire(io::CloseHow::orderly);
  if (owner != nullptr) owner->on_answer_failed(error);
}

void UpstreamConn::cancel() {
  HEADRACE_ASSERT(owner_ != nullptr);
  owner_ = nullptr;
  retire(io::CloseHow::orderly);
}

void UpstreamConn::retire(io::CloseHow how) {
  HEADRACE_ASSERT(state_ != State::closing);
  dial_.stop();
  pool_.note_retired(*this);
  state_ = State::closing;
  request_ = {};
  gathered_head_.reset();
  if (lane_ == nullptr) {  // nothing that would have to be closed first
    pool_.bury(*this);
  } else {
    lane_->stream().close(how);
  }
}

void UpstreamConn::on_closed() {
  HEADRACE_ASSERT(state_ == State::closing);
  pool_.release(*std::exchange(lane_, nullptr));
  pool_.bury(*this);
}

}  // namespace headrace::upstream
