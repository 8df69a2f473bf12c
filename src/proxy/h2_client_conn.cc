// h2_client_conn.cc – requests, then what leaves, then the ways to end.
#include "proxy/h2_client_conn.h"

#include <algorithm>

#include "base/limits.h"
#include "proxy/client_conn.h"

namespace headrace::proxy {

namespace limits = base::limits;
using base::Errc;
using http::H2Code;

H2ClientConn::H2ClientConn(Workshop& shop, ClientConn& conn, const config::Limits& limits)
    : shop_(shop),
      conn_(conn),
      limits_(limits),
      session_(shop.h2_memory, shop.io.blocks(), *this),
      idle_since_(shop.io.now()) {
  timer_.bind<&H2ClientConn::on_timer>(*this);
  arm_timer();
  due();  // our SETTINGS
}

H2ClientConn::~H2ClientConn() {
  HEADRACE_ASSERT(requests_.empty());
  stop();
}

const net::PeerCertificate* H2ClientConn::certificate() const {
  return conn_.certificate();
}

// -- requests

void H2ClientConn::on_data(io::Slice slice) {
  if (over_) return;
  session_.receive(std::move(slice), shop_.io.now());
  due();
  if (session_.ended()) return abandon(base::client_error(Errc::client_closed));
  note_head();
}

void H2ClientConn::on_h2_request(const http::RequestHead& head,
                                 const http::Fields& fields,
                                 base::Bytes text) {
  if (H2Request* request = accept()) request->read_head(head, fields, text);
}

void H2ClientConn::on_h2_bad_request(Errc fault) {
  if (H2Request* request = accept()) request->read_bad_head(fault);
}

// Null: refused, and the client may ask elsewhere. So is whoever asks after GOAWAY has left.
H2Request* H2ClientConn::accept() {
  if (draining_) return nullptr;
  H2Request* request = shop_.take_h2_request();
  if (request == nullptr) return nullptr;
  request->start(*this, seen_++ != 0);
  requests_.push_back(*request);
  session_.accept(*request);
  return request;
}

void H2ClientConn::on_h2_data(http::H2Stream& stream, io::Slice piece) {
  of(stream).take_body(std::move(piece));
}

void H2ClientConn::on_h2_end(http::H2Stream& stream) {
  of(stream).end_body();
}

// The client took it back, or broke the rules of its message; or the answer is out, and the request
// was settled before.
void H2ClientConn::on_h2_closed(http::H2Stream& stream, H2Code) {
  of(stream).go(base::client_error(Errc::client_closed));
}

void H2ClientConn::end(H2Request& request) {
  request.link.unlink();
  shop_.rest(request);
  if (!requests_.empty()) return;
  idle_since_ = shop_.io.now();
  arm_timer();
  if (draining_) due();
}

// -- what leaves

void H2ClientConn::on_h2_sent(http::H2Stream& stream) {
  of(stream).note_sent();
}

void H2ClientConn::push_out() {
  net::Stream& stream = conn_.stream();
  while (stream.queued_bytes() < limits::kH2SendBytes) {
    session_.produce(out_, limits::kH2SendBytes - stream.queued_bytes());
    if (out_.empty()) break;
    while (!out_.empty()) stream.send(out_.pop());
  }
  stream.set_prompt_sent(stream.queued_bytes() >= limits::kH2SendBytes);
  if (stream.queued_bytes() != 0) conn_.arm_stall_timer();
}

void H2ClientConn::on_turn_end() {
  if (over_) return;
  push_out();
  const bool idle = requests_.empty() && !session_.wants_to_send();
  if (draining_ && idle && !session_.ended()) {
    session_.end(H2Code::no_error);
    push_out();
  }
  if (!session_.ended() || session_.wants_to_send()) return;  // or its last word waits for room
  stop();
  abandon(base::client_error(Errc::client_closed));
  conn_.linger();
}

// -- time

// A head has its time from its first byte, as with HTTP/1.1.
void H2ClientConn::note_head() {
  if (!session_.counts().inside_head()) {
    head_since_ = 0;
  } else if (head_since_ == 0) {
    head_since_ = shop_.io.now();
    arm_timer();
  }
}

// What happens moves the deadlines on; the timer finds that out when it fires.
void H2ClientConn::arm_timer() {
  base::Nanos next = base::kNever;
  if (requests_.empty()) next = idle_since_ + limits_.keep_alive_timeout;
  if (head_since_ != 0) next = std::min(next, head_since_ + limits_.head_timeout);
  if (over_ || next == base::kNever) return;
  if (!timer_.scheduled() || timer_.deadline() > next) shop_.io.timers().schedule(timer_, next);
}

void H2ClientConn::on_timer() {
  const base::Nanos now = shop_.io.now();
  if (head_since_ != 0 && now - head_since_ >= limits_.head_timeout) {
    return close_session(H2Code::enhance_your_calm, base::client_error(Errc::request_timeout));
  }
  if (requests_.empty() && now - idle_since_ >= limits_.keep_alive_timeout) {
    return close_session(H2Code::no_error, base::client_error(Errc::client_closed));
  }
  arm_timer();
}

// -- ending

void H2ClientConn::stop() {
  over_ = true;
  turn_end_link.unlink();
  shop_.io.timers().cancel(timer_);
}

void H2ClientConn::close_session(H2Code code, base::Error why) {
  draining_ = true;
  abandon(why);
  session_.end(code);
  due();
}

void H2ClientConn::on_eof() {
  draining_ = true;
  drop_unfinished();
  due();
}

// Whoever ends its half says that what has not come of its requests never will.
void H2ClientConn::drop_unfinished() {
  H2Request* next = nullptr;
  for (H2Request* request = requests_.front(); request != nullptr; request = next) {
    next = requests_.after(*request);
    if (request->in_ended || request->answer_begun()) continue;
    if (request->open()) session_.reset(*request, H2Code::cancel);
    request->go(base::client_error(Errc::client_closed));
  }
}

void H2ClientConn::drain() {
  if (draining_) return;
  draining_ = true;
  session_.drain();
  due();
}

void H2ClientConn::end_now() {
  drain();
  H2Request* next = nullptr;
  for (H2Request* request = requests_.front(); request != nullptr; request = next) {
    next = requests_.after(*request);
    request->end_now();
  }
}

void H2ClientConn::turn_away() {
  close_session(H2Code::enhance_your_calm, base::gateway_error(Errc::overloaded));
}

void H2ClientConn::abandon(base::Error why) {
  while (H2Request* request = requests_.front()) {
    if (request->open()) session_.forget(*request);
    request->go(why);
  }
}

}  // namespace headrace::proxy
