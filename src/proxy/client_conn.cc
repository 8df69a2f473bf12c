// client_conn.cc – reading requests first, then the ways to answer and to end. How an answer is
// framed: client_answer.cc.
#include "proxy/client_conn.h"

#include <cstring>

#include "base/limits.h"
#include "io/compact.h"
#include "proxy/exchange.h"
#include "proxy/h2_client_conn.h"

namespace headrace::proxy {

namespace limits = base::limits;
using base::Errc;

ClientConn::ClientConn(Workshop& shop,
                       ClientConnOwner& owner,
                       const config::Limits& limits,
                       const config::Listen& terms)
    : shop_(shop),
      owner_(owner),
      limits_(limits),
      half_close_(terms.half_close),
      stream_(shop.io, *this),
      takes_http2_(terms.http == config::ListenHttp::automatic) {
  timer_.bind<&ClientConn::on_timer>(*this);
  stall_timer_.bind<&ClientConn::on_stall_timer>(*this);
  parser_.reset();
  const auto seconds = static_cast<std::uint64_t>(limits_.keep_alive_timeout / base::kSecond);
  char* end = base::write_decimal(keep_alive_seconds_.data(), seconds);
  keep_alive_digits_ = static_cast<std::size_t>(end - keep_alive_seconds_.data());
}

ClientConn::~ClientConn() {
  HEADRACE_ASSERT(exchange_ == nullptr);
  if (h2_ != nullptr) shop_.h2_conns.destroy(h2_);
}

void ClientConn::start(int fd, const net::TlsServer* tls) {
  if (tls == nullptr) {
    stream_.adopt(fd, io::Side::client);
  } else {
    shaking_ = true;
    stream_.adopt(fd, io::Side::client, *tls);
  }
  stream_.recv_start();
  arm_timer(shop_.io.now() + limits_.keep_alive_timeout);
}

// TLS only: the handshake is through.
void ClientConn::on_connected(base::Status) {
  shaking_ = false;
  ++(stream_.resumed() ? shop_.tally.tls_resumed : shop_.tally.tls_full);
  certificate_ = stream_.peer_certificate();
  if (stream_.protocol() == "h2") become_http2();
  if (turned_away_) turn_away();
}

// Without TLS whoever speaks HTTP/2 begins with this (RFC 9113 section 3.4). `text` may be no more
// than its beginning.
bool ClientConn::begins_http2(base::Bytes text) const {
  if (requests_ != 0 || !takes_http2_ || stream_.is_tls()) return false;
  return text.substr(0, http::kH2Preface.size()) == http::kH2Preface.substr(0, text.size());
}

void ClientConn::become_http2() {
  phase_ = Phase::http2;
  shop_.io.timers().cancel(timer_);
  h2_ = shop_.h2_conns.make(shop_, *this, limits_);
  HEADRACE_ASSERT(h2_ != nullptr);  // there are as many as connections
}

// -- reading

void ClientConn::on_data(io::Slice slice) {
  switch (phase_) {
    case Phase::idle:
    case Phase::head:
    case Phase::body:
      if (pipelined_.empty()) {
        read(std::move(slice));
      } else {  // its turn comes behind what waits already
        hold_pipelined(std::move(slice));
      }
      return;
    case Phase::exchange:
      hold_pipelined(std::move(slice));
      return;
    case Phase::http2:
      h2_->on_data(std::move(slice));
      return;
    case Phase::lingering:
      lingered_bytes_ += slice.size();
      if (lingered_bytes_ > limits::kLingerBytes) {  // what is dropped must not look like the end
        close(stream_.queued_bytes() == 0 ? io::CloseHow::orderly : io::CloseHow::abort);
      }
      return;
    case Phase::closing:
      return;
  }
}

// Runs through the slice as far as requests may start: the next one begins only when the last has
// ended.
void ClientConn::read(io::Slice slice) {
  HEADRACE_ASSERT(!reading_);
  reading_ = true;
  bool more = true;
  while (more && !slice.empty()) {
    switch (phase_) {
      case Phase::idle:
      case Phase::head:
        more = read_head(slice);
        break;
      case Phase::body:
        more = read_body(slice);
        break;
      case Phase::exchange:
        reading_ = false;
        return keep_ahead(std::move(slice));
      case Phase::http2:
        reading_ = false;
        return h2_->on_data(std::move(slice));
      case Phase::lingering:  // that was the last request: what follows it is dropped
      case Phase::closing:
        more = false;
        break;
    }
  }
  reading_ = false;
}

// True when the request line and fields are complete and accepted.
bool ClientConn::read_head(io::Slice& slice) {
  const base::Bytes text = gathered_head_.join(slice, shop_.io.blocks());
  if (phase_ == Phase::idle) began_ = shop_.io.now();
  if (begins_http2(text)) return read_preface(slice, text);
  const http::Parse parsed = parser_.parse(text);
  if (phase_ == Phase::idle && parser_.started()) {
    phase_ = Phase::head;
    arm_timer(shop_.io.now() + limits_.head_timeout);
  }
  if (parsed == http::Parse::need_more) {
    gathered_head_.keep(slice, shop_.io.blocks());
    return false;
  }
  keep_alive_ = true;
  http10_ = false;
  ++requests_;
  if (parsed == http::Parse::failed) {
    refuse(base::client_error(parser_.error()));
    return false;
  }
  const http::RequestHead head = parser_.head(text);
  accept_head(head, text);
  if (phase_ != Phase::body) return false;
  slice.drop_front(parser_.head_bytes() - gathered_head_.before());
  gathered_head_.reset();
  parser_.reset();
  if (framing_.done()) run();  // no body follows
  return true;
}

// True when all of it is here, and the slice goes to the session as it is.
bool ClientConn::read_preface(io::Slice& slice, base::Bytes text) {
  if (text.size() < http::kH2Preface.size()) {
    if (phase_ == Phase::idle) arm_timer(shop_.io.now() + limits_.head_timeout);
    phase_ = Phase::head;
    gathered_head_.keep(slice, shop_.io.blocks());
    return false;
  }
  io::Slice earlier = shop_.io.blocks().copy_of(text.substr(0, gathered_head_.before()));
  gathered_head_.reset();
  become_http2();
  if (!earlier.empty()) h2_->on_data(std::move(earlier));
  return true;
}

void ClientConn::accept_head(const http::RequestHead& head, base::Bytes text) {
  keep_alive_ = head.keep_alive && !shop_.draining;
  http10_ = head.version_minor == 0;
  exchange_ = shop_.exchanges.make(shop_, *this, began_);
  if (exchange_ == nullptr) {
    refuse(base::gateway_error(Errc::overloaded));
    return;
  }
  api::ErrorDetail detail;
  const base::Status accepted = exchange_->read_head(head, parser_.fields(), text, detail);
  if (!accepted) {
    refuse(accepted.error(), detail);
    return;
  }
  if (head.framing == http::Framing::length && head.content_length > limits_.body_bytes) {
    refuse(base::client_error(Errc::body_too_large));
    return;
  }
  framing_.start(head.framing, head.content_length);
  body_received_ = 0;
  body_since_ = shop_.io.now();
  request_body_.start(shop_.io.blocks(),
                      head.framing == http::Framing::length ? head.content_length : 0);
  phase_ = Phase::body;
  if (framing_.done()) return;
  arm_timer(body_since_ + limits_.body_grace);
  if (head.expect_continue) stream_.send_copy("HTTP/1.1 100 Continue\r\n\r\n");
}

// True when the slice was used up or the body ended in it; false when the request was refused.
bool ClientConn::read_body(io::Slice& slice) {
  for (;;) {
    const http::H1Body::Step step = framing_.next(slice.view());
    slice.drop_front(step.framing);
    if (step.state == http::H1Body::State::payload) {
      if (request_body_.size() + step.payload > limits_.body_bytes) {
        refuse(base::client_error(Errc::body_too_large));
        return false;
      }
      request_body_.append(shop_.io.blocks(), slice.view().substr(0, step.payload));
      body_received_ += step.payload;
      slice.drop_front(step.payload);
      continue;
    }
    if (step.state == http::H1Body::State::failed) {
      refuse(base::client_error(framing_.error()));
      return false;
    }
    if (step.state == http::H1Body::State::done) run();
    return true;
  }
}

// The request is whole. A local answer may be complete when this returns.
void ClientConn::run() {
  phase_ = Phase::exchange;
  shop_.io.timers().cancel(timer_);
  exchange_->start(std::move(request_body_));
}

// What the client sends ahead waits, bounded; reading pauses when it is too much.
void ClientConn::hold_pipelined(io::Slice slice) {
  if (slice.empty()) return;
  io::push_compact(
      pipelined_, std::move(slice), shop_.io.blocks(), shop_.io.receive_pool(io::Side::client));
  if (pipelined_.bytes() > limits::kPipelinedBytes) {
    stream_.pause(io::kPausePipeline);
  }
}

// The rest of a slice behind a request that has begun: the next to be read.
void ClientConn::keep_ahead(io::Slice slice) {
  if (pipelined_.empty()) {
    hold_pipelined(std::move(slice));
  } else {
    pipelined_.push_front(std::move(slice));
  }
}

void ClientConn::read_pipelined() {
  if (reading_) return;
  while (phase_ == Phase::idle || phase_ == Phase::head || phase_ == Phase::body) {
    if (pipelined_.empty()) break;
    // A client that asks without reading answers waits for its own answers.
    if (stream_.queued_bytes() > limits::kPauseBytes) return;
    io::Slice slice = pipelined_.pop();
    read(std::move(slice));
  }
  if (pipelined_.bytes() <= limits::kPipelinedBytes) {
    stream_.resume(io::kPausePipeline);
  }
  if (eof_seen_ && pipelined_.empty() && phase_ != Phase::exchange) on_eof();
}

// -- answering: see client_answer.cc too

void ClientConn::abort() {
  keep_alive_ = false;
  if (phase_ != Phase::closing) close(io::CloseHow::abort);
}

void ClientConn::on_exchange_end() {
  HEADRACE_ASSERT(exchange_ != nullptr);
  exchange_ = nullptr;
  request_body_.reset();
  answer_begun_ = chunked_ = false;
  if (phase_ == Phase::closing) return;
  if (!keep_alive_) {
    linger();
    return;
  }
  phase_ = Phase::idle;
  arm_timer(shop_.io.now() + limits_.keep_alive_timeout);
  read_pipelined();
  // The answer had promised to keep the connection before the drain began.
  if (shop_.draining && phase_ == Phase::idle && !reading_) drain();
}

// A request that ends here: the reply in the client's words, then the connection closes, because
// what follows in it cannot be told from the rest of the request.
void ClientConn::refuse(base::Error error, const api::ErrorDetail& detail) {
  keep_alive_ = false;
  gathered_head_.reset();
  parser_.reset();
  if (exchange_ == nullptr) exchange_ = shop_.exchanges.make(shop_, *this, began_);
  phase_ = Phase::exchange;
  shop_.io.timers().cancel(timer_);
  if (exchange_ == nullptr) {  // not even room for a record of it
    reply_bare(error, detail);
    return;
  }
  exchange_->refuse(error, detail);
}

void ClientConn::reply_bare(base::Error error, const api::ErrorDetail& detail) {
  char text[api::kErrorBodyBytes];
  const base::Bytes said = api::write_error_body(api::Family::openai, error, detail, text);
  api::AnswerHead head;
  head.status = api::http_status_of(error, detail);
  head.content_length = said.size();
  head.fields = "content-type: application/json\r\nretry-after: 1\r\n";
  begin(head, {});
  stream_.send_copy(said);
  answer_begun_ = false;
  linger();
}

void ClientConn::turn_away() {
  keep_alive_ = false;
  shop_.io.timers().cancel(timer_);
  turned_away_ = shaking_;
  if (shaking_) return;
  if (h2_ != nullptr) return h2_->turn_away();
  reply_bare(base::gateway_error(Errc::overloaded), {});
}

// -- progress

void ClientConn::on_sent() {
  progress_at_ = shop_.io.now();
  if (phase_ == Phase::lingering) {
    if (stream_.queued_bytes() == 0) await_client_end();
    return;
  }
  if (exchange_ != nullptr) {
    exchange_->on_client_progress();
  } else if (phase_ == Phase::http2) {
    h2_->on_sent();
  } else if (!pipelined_.empty()) {
    read_pipelined();
  } else if (eof_seen_ && stream_.queued_bytes() == 0 && phase_ != Phase::closing) {
    close(io::CloseHow::orderly);
  }
}

// Runs only while bytes wait for the client, and moves itself on as long as some are taken.
void ClientConn::arm_stall_timer() {
  if (stall_timer_.scheduled() || phase_ == Phase::closing) return;
  progress_at_ = shop_.io.now();
  shop_.io.timers().schedule(stall_timer_, progress_at_ + limits_.write_stall_timeout);
}

void ClientConn::on_stall_timer() {
  if (stream_.queued_bytes() == 0 || phase_ == Phase::closing) return;
  const base::Nanos deadline = progress_at_ + limits_.write_stall_timeout;
  if (deadline > shop_.io.now()) {
    shop_.io.timers().schedule(stall_timer_, deadline);
    return;
  }
  close(io::CloseHow::abort);
  lose(base::client_error(Errc::client_stalled));
}

void ClientConn::on_timer() {
  switch (phase_) {
    case Phase::idle:
      if (stream_.queued_bytes() != 0) {  // not idle: it still takes its last answer, or stalls
        arm_timer(shop_.io.now() + limits_.keep_alive_timeout);
        return;
      }
      close(io::CloseHow::orderly);
      return;
    case Phase::head:
      ++requests_;
      refuse(base::client_error(Errc::request_timeout));
      return;
    case Phase::body: {
      // After the grace the body must have kept the rate; look again every second.
      const auto allowed = static_cast<base::Nanos>(body_received_ / limits::kBodyBytesPerSecond);
      const base::Nanos patience = limits_.body_grace + allowed * base::kSecond;
      if (shop_.io.now() - body_since_ < patience) {
        arm_timer(shop_.io.now() + base::kSecond);
        return;
      }
      refuse(base::client_error(Errc::request_timeout));
      return;
    }
    case Phase::lingering:
      close(io::CloseHow::orderly);
      return;
    case Phase::exchange:
    case Phase::http2:
    case Phase::closing:
      return;
  }
}

// -- ending

// The client is no more; the connection closes.
void ClientConn::lose(base::Error why) {
  if (exchange_ != nullptr) exchange_->on_client_gone(why);
  if (h2_ != nullptr) h2_->abandon(why);
}

void ClientConn::on_eof() {
  eof_seen_ = true;
  if (phase_ == Phase::closing) return;
  const bool gone = half_close_ == config::HalfClose::cancel;
  if (phase_ == Phase::http2) {
    if (!gone) return h2_->on_eof();
    close(io::CloseHow::orderly);
    return lose(base::client_error(Errc::client_closed));
  }
  if (exchange_ != nullptr && phase_ == Phase::exchange && !gone) {
    if (pipelined_.empty())
      keep_alive_ = false;  // else requests wait that came whole before the end
    return;
  }
  if (exchange_ != nullptr) {
    // A FIN would end the body of an HTTP/1.0 answer well, and a client that half-closes still
    // reads.
    const bool owes = answer_begun_ || stream_.queued_bytes() != 0;
    close(owes ? io::CloseHow::abort : io::CloseHow::orderly);
    exchange_->on_client_gone(base::client_error(Errc::client_closed));
    return;
  }
  // What is still queued is sent first; on_sent() closes then.
  stream_.set_prompt_sent(true);
  if (stream_.queued_bytes() == 0) close(io::CloseHow::orderly);
}

void ClientConn::on_error(base::Error error) {
  if (shaking_) ++shop_.tally.tls_failed;
  shaking_ = false;
  if (phase_ == Phase::closing) return;
  close(io::CloseHow::orderly);
  error.code = Errc::client_closed;
  error.blame = base::Blame::client;
  lose(error);
}

void ClientConn::drain() {
  if (phase_ == Phase::http2) return h2_->drain();
  if (phase_ == Phase::idle && pipelined_.empty() && stream_.queued_bytes() == 0) {
    close(io::CloseHow::orderly);
  } else if (phase_ == Phase::idle) {
    keep_alive_ = false;
    linger();
  }
}

void ClientConn::end_now() {
  if (phase_ == Phase::closing || phase_ == Phase::lingering) return;
  keep_alive_ = false;
  if (phase_ == Phase::http2) return h2_->end_now();
  if (exchange_ != nullptr && phase_ == Phase::exchange) {
    exchange_->on_drain_end();
    return;
  }
  if (phase_ == Phase::body || phase_ == Phase::head) {
    refuse(base::gateway_error(Errc::draining));
    return;
  }
  close(io::CloseHow::orderly);
}

void ClientConn::cut() {
  if (phase_ == Phase::closing) return;
  close(io::CloseHow::abort);
  lose(base::gateway_error(Errc::draining));
}

// The answer goes out, then our half of the connection ends; the client's half is read and dropped
// until it ends too, so that unread input does not turn our close into a reset that eats the
// answer.
void ClientConn::linger() {
  pipelined_.clear();
  phase_ = Phase::lingering;
  lingered_bytes_ = 0;
  stream_.resume(io::kPausePipeline);
  stream_.set_prompt_sent(true);
  stream_.shutdown_after_send();
  if (stream_.queued_bytes() == 0) {
    await_client_end();
  } else {
    arm_stall_timer();
  }
}

void ClientConn::await_client_end() {
  if (eof_seen_) {
    close(io::CloseHow::orderly);
  } else {
    arm_timer(shop_.io.now() + limits::kLingerTimeout);
  }
}

void ClientConn::close(io::CloseHow how) {
  HEADRACE_ASSERT(phase_ != Phase::closing);
  phase_ = Phase::closing;
  shop_.io.timers().cancel(timer_);
  shop_.io.timers().cancel(stall_timer_);
  gathered_head_.reset();
  pipelined_.clear();
  if (h2_ != nullptr) h2_->stop();
  stream_.close(how);
}

void ClientConn::on_closed() {
  HEADRACE_ASSERT(exchange_ == nullptr);
  owner_.on_client_closed(*this);
}

}  // namespace headrace::proxy
