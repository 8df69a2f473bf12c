#include "connection.h"

#include <fmt/format.h>

#include "error.h"
#include "http/h1_writer.h"
#include "service.h"

namespace headrace::mock {

void Connection::on_bytes(std::string_view bytes) {
  if (state_ == State::closing) return;
  received_.append(bytes);
  if (state_ == State::answering) {
    if (received_.size() > kAheadBytes) abort();
    return;
  }
  read();
}

// A client that half-closes has gone: no client of a chat API waits for an answer behind its FIN.
void Connection::on_end() {
  if (answer_.running()) service_.note_cancel(answer_);
  abort();
}

void Connection::retire() {
  if (state_ == State::head && received_.empty()) {
    close_when_sent();
  } else {
    keep_alive_ = false;
  }
}

void Connection::refuse_stream() {
  answer_.cancel();
  state_ = State::closing;
  outlet_.refuse();
}

void Connection::say_goodbye() {
  if (!outlet_.say_goodbye()) keep_alive_ = false;
}

void Connection::on_sent() {
  if (!dripping_.empty()) {
    drip();
  } else if (state_ == State::closing) {
    close_when_sent();
  } else if (answer_.running()) {
    answer_.on_drained();
  }
}

// The read loop: one request after the other, until one is being answered or bytes are missing.
void Connection::read() {
  if (reading_) return;
  reading_ = true;
  while ((state_ == State::head && read_head()) || (state_ == State::body && read_body())) {
  }
  reading_ = false;
}

bool Connection::read_head() {
  const http::Parse result = parser_.parse(received_);
  if (result == http::Parse::need_more) return false;
  if (result == http::Parse::failed) {
    refuse(parser_.error());
    return false;
  }
  const http::RequestHead head = parser_.head(received_);
  request_ = {std::string(head.method),
              std::string(head.path),
              std::string(head.query),
              {},
              field("authorization"),
              field("x-api-key"),
              field("anthropic-version"),
              field("x-mock")};
  keep_alive_ = head.keep_alive;
  body_.start(head.framing, head.content_length);
  if (head.framing == http::Framing::length && head.content_length > kBodyBytes) {
    refuse(base::Errc::body_too_large);
    return false;
  }
  if (head.expect_continue) write("HTTP/1.1 100 Continue\r\n\r\n");
  received_.erase(0, parser_.head_bytes());
  state_ = State::body;
  return true;
}

std::string Connection::field(std::string_view lowered_name) const {
  return std::string(parser_.fields().find(lowered_name, received_));
}

bool Connection::read_body() {
  std::size_t used = 0;
  while (!body_.done()) {
    const http::H1Body::Step step = body_.next(std::string_view(received_).substr(used));
    request_.body.append(received_, used + step.framing, step.payload);
    used += step.framing + step.payload;
    const bool too_large = request_.body.size() > kBodyBytes;
    if (too_large || step.state == http::H1Body::State::failed) {
      refuse(too_large ? base::Errc::body_too_large : base::Errc::bad_request);
      return false;
    }
    if (step.state == http::H1Body::State::need_more) break;
  }
  received_.erase(0, used);
  if (!body_.done()) return false;
  state_ = State::answering;
  service_.on_request(*this, answer_, request_);
  return state_ == State::head;
}

void Connection::write(std::string_view bytes) {
  if (state_ == State::closing) return;
  if (split_ == 0 && dripping_.empty()) {
    outlet_.send(bytes);
    return;
  }
  const bool idle = dripping_.empty();
  dripping_.append(bytes);
  if (idle && outlet_.queued_bytes() == 0) drip();
}

// The next few bytes; the rest follows when the kernel has taken them.
void Connection::drip() {
  const std::size_t count = split_ == 0 ? dripping_.size() : std::min(split_, dripping_.size());
  const std::string piece = dripping_.substr(0, count);
  dripping_.erase(0, count);
  outlet_.send(piece);
}

void Connection::finish_answer(bool keep_alive) {
  if (state_ != State::answering) return;
  if (!keep_alive || !keep_alive_) {
    close_when_sent();
    return;
  }
  state_ = State::head;
  request_ = {};
  parser_.reset();
  if (!received_.empty()) read();
}

void Connection::close_when_sent() {
  state_ = State::closing;
  if (queued_bytes() != 0) return;  // on_sent comes back here
  outlet_.close(io::CloseHow::orderly);
}

void Connection::abort() {
  answer_.cancel();
  dripping_.clear();
  state_ = State::closing;
  outlet_.close(io::CloseHow::abort);
}

void Connection::reply(std::uint16_t status,
                       std::string_view body,
                       std::string_view more_fields,
                       std::string_view content_type) {
  write(fmt::format("HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n{}{}\r\n{}",
                    status,
                    http::reason_phrase(status),
                    content_type,
                    body.size(),
                    more_fields,
                    keep_alive_ ? "" : "connection: close\r\n",
                    body));
  finish_answer(true);
}

void Connection::reply_empty(bool stream) {
  write("HTTP/1.1 200 OK\r\n");
  write(stream ? "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
               : "content-type: application/json\r\ncontent-length: 0\r\n");
  write(keep_alive_ ? "\r\n" : "connection: close\r\n\r\n");
  if (stream) write("0\r\n\r\n");
  finish_answer(true);
}

// A request that is no HTTP, or too large: an answer, and the end of the connection.
void Connection::refuse(base::Errc code) {
  std::uint16_t status = 400;
  if (code == base::Errc::body_too_large) status = 413;
  if (code == base::Errc::uri_too_long) status = 414;
  if (code == base::Errc::head_too_large) status = 431;
  if (code == base::Errc::unsupported_coding) status = 501;
  service_.note_bad_request();
  keep_alive_ = false;
  state_ = State::answering;
  const bool anthropic = request_.path.starts_with("/v1/messages");
  reply(status,
        error_body(anthropic ? Family::anthropic : Family::openai,
                   {status == 413 && anthropic ? "request_too_large" : "invalid_request_error",
                    base::name_of(code),
                    "The request is not one this server takes"},
                   "req_mock"));
}

}  // namespace headrace::mock
