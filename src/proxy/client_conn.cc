// client_conn.cc – reading requests first, then writing answers, then the ways to end.
#include "proxy/client_conn.h"

#include <cstring>

#include "base/limits.h"
#include "http/h1_writer.h"
#include "io/compact.h"
#include "proxy/exchange.h"

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
      stream_(shop.io, *this) {
  timer_.bind<&ClientConn::on_timer>(*this);
  stall_timer_.bind<&ClientConn::on_stall_timer>(*this);
  parser_.reset();
  const auto seconds = static_cast<std::uint64_t>(limits_.keep_alive_timeout / base::kSecond);
  char* end = base::write_decimal(keep_alive_seconds_.data(), seconds);
  keep_alive_digits_ = static_cast<std::size_t>(end - keep_alive_seconds_.data());
}

ClientConn::~ClientConn() {
  HEADRACE_ASSERT(exchange_ == nullptr);
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
        keep_ahead(std::move(slice));
        more = false;
        break;
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

// -- answering

// The head goes in front of the first piece of the body, into the free room of the same buffer:
// what lay there was the upstream's head.
void ClientConn::begin(const api::AnswerHead& head, io::Slice first) {
  HEADRACE_ASSERT(!answer_begun_);
  answer_begun_ = true;
  chunked_ = head.kind == api::BodyKind::stream && !http10_;
  if (head.kind == api::BodyKind::stream && http10_) keep_alive_ = false;
  if (shop_.draining) keep_alive_ = false;

  char text[kAnswerFieldsBytes + 512];
  http::H1Writer writer(text, sizeof text);
  writer.status_line(head.status);
  writer.raw(head.fields);
  if (chunked_) {
    writer.raw("transfer-encoding: chunked\r\n");
  } else if (head.kind == api::BodyKind::length && head.status != 204 && head.status != 304) {
    writer.field("content-length", head.content_length);
  }
  writer.raw("date: ");
  writer.raw(shop_.date());
  if (keep_alive_) {
    writer.raw("\r\nkeep-alive: timeout=");
    writer.raw({keep_alive_seconds_.data(), keep_alive_digits_});
    writer.raw(http10_ ? "\r\nconnection: keep-alive\r\n" : "\r\n");
  } else {
    writer.raw("\r\nconnection: close\r\n");
  }
  writer.end_head();
  HEADRACE_ASSERT(writer.ok());

  if (first.empty()) {
    stream_.send_copy(writer.written());
    return;
  }
  char size_line[24];
  std::size_t size_line_bytes = 0;
  if (chunked_) {
    char* end = base::write_bytes(base::write_hex(size_line, first.size()), "\r\n");
    size_line_bytes = static_cast<std::size_t>(end - size_line);
  }
  const std::size_t wanted = writer.size() + size_line_bytes;
  if (first.headroom() < wanted) {
    stream_.send_copy(writer.written());
    body(std::move(first));
    return;
  }
  first.grow_front(wanted);
  std::memcpy(first.data(), text, writer.size());
  std::memcpy(first.data() + writer.size(), size_line, size_line_bytes);
  const bool closes_in_place = chunked_ && first.tailroom() >= 2;
  if (closes_in_place) {
    first.grow_back(2);
    std::memcpy(first.data() + first.size() - 2, "\r\n", 2);
  }
  stream_.send(std::move(first));
  if (chunked_ && !closes_in_place) stream_.send_copy("\r\n");
  arm_stall_timer();
}

void ClientConn::body(io::Slice piece) {
  if (piece.empty()) return;
  if (chunked_) {
    put_chunk(std::move(piece));
  } else {
    stream_.send(std::move(piece));
  }
  arm_stall_timer();
}

// Frames a piece as one chunk, in the free bytes around it where there are enough: they held the
// upstream's own framing, and a burst of events then leaves as one contiguous run. A size line may
// be padded with zeros (RFC 9112: 1*HEXDIG) to touch the chunk before it.
void ClientConn::put_chunk(io::Slice piece) {
  constexpr std::size_t kPaddedMax = 10;
  char line[24];
  char* end = base::write_bytes(base::write_hex(line, piece.size()), "\r\n");
  auto line_bytes = static_cast<std::size_t>(end - line);
  if (piece.headroom() > line_bytes && piece.headroom() <= kPaddedMax) {
    const std::size_t zeros = piece.headroom() - line_bytes;
    std::memmove(line + zeros, line, line_bytes);
    std::memset(line, '0', zeros);
    line_bytes += zeros;
  }
  if (piece.headroom() >= line_bytes) {
    piece.grow_front(line_bytes);
    std::memcpy(piece.data(), line, line_bytes);
  } else {
    stream_.send_copy({line, line_bytes});
  }
  if (piece.tailroom() >= 2) {
    piece.grow_back(2);
    std::memcpy(piece.data() + piece.size() - 2, "\r\n", 2);
    stream_.send(std::move(piece));
  } else {
    stream_.send(std::move(piece));
    stream_.send_copy("\r\n");
  }
}

void ClientConn::finish() {
  HEADRACE_ASSERT(answer_begun_);
  if (chunked_) stream_.send_copy("0\r\n\r\n");
}

void ClientConn::abort() {
  keep_alive_ = false;
  if (phase_ != Phase::closing) close(io::CloseHow::abort);
}

void ClientConn::on_exchange_end() {
  HEADRACE_ASSERT(exchange_ != nullptr);
  shop_.exchanges.destroy(std::exchange(exchange_, nullptr));
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
  if (exchange_ != nullptr) exchange_->on_client_gone(base::client_error(Errc::client_stalled));
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
    case Phase::closing:
      return;
  }
}

// -- ending

void ClientConn::on_eof() {
  eof_seen_ = true;
  if (phase_ == Phase::closing) return;
  const bool gone = half_close_ == config::HalfClose::cancel;
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
  if (exchange_ != nullptr) exchange_->on_client_gone(error);
}

void ClientConn::drain() {
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
  if (exchange_ != nullptr) exchange_->on_client_gone(base::gateway_error(Errc::draining));
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
  stream_.close(how);
}

void ClientConn::on_closed() {
  HEADRACE_ASSERT(exchange_ == nullptr);
  owner_.on_client_closed(*this);
}

}  // namespace headrace::proxy
