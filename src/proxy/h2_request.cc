// h2_request.cc – reading the request, writing the answer, the ways to end.
#include "proxy/h2_request.h"

#include "base/limits.h"
#include "http/h1_writer.h"
#include "proxy/answer_fields.h"
#include "proxy/exchange.h"
#include "proxy/h2_client_conn.h"

namespace headrace::proxy {

namespace limits = base::limits;
using base::Errc;
using http::H2Code;

H2Request::H2Request(Workshop& shop) : shop_(shop) {
  body_timer_.bind<&H2Request::on_body_timer>(*this);
  stall_timer_.bind<&H2Request::on_stall_timer>(*this);
}

H2Request::~H2Request() {
  HEADRACE_ASSERT(exchange_ == nullptr);
}

void H2Request::start(H2ClientConn& conn, bool used_before) {
  HEADRACE_ASSERT(exchange_ == nullptr && !open());
  conn_ = &conn;
  used_before_ = used_before;
  body_received_ = lingered_bytes_ = 0;
  reading_ = lingering_ = answer_begun_ = false;
}

// The stream is closed, the exchange settled: somebody else's turn.
void H2Request::end() {
  HEADRACE_ASSERT(exchange_ == nullptr && !open());
  shop_.io.timers().cancel(body_timer_);
  shop_.io.timers().cancel(stall_timer_);
  request_body_.reset();
  conn_->end(*this);
}

const net::PeerCertificate* H2Request::certificate() const {
  return conn_->certificate();
}

// -- reading

void H2Request::read_head(const http::RequestHead& head,
                          const http::Fields& fields,
                          base::Bytes text) {
  const base::Nanos now = shop_.io.now();
  exchange_ = shop_.exchanges.make(shop_, *this, now);
  if (exchange_ == nullptr) return reply_bare(base::gateway_error(Errc::overloaded));
  api::ErrorDetail detail;
  const base::Status accepted = exchange_->read_head(head, fields, text, detail);
  if (!accepted) return refuse(accepted.error(), detail);
  const bool declared = head.framing == http::Framing::length;
  if (declared && head.content_length > conn_->limits().body_bytes) {
    return refuse(base::client_error(Errc::body_too_large));
  }
  reading_ = true;
  body_since_ = now;
  request_body_.start(shop_.io.blocks(), declared ? head.content_length : 0);
  if (head.framing == http::Framing::none) return;  // its end comes at once
  shop_.io.timers().schedule(body_timer_, now + conn_->limits().body_grace);
  if (!head.expect_continue) return;
  conn_->session().go_on(*this);
  conn_->due();
}

void H2Request::read_bad_head(Errc fault) {
  exchange_ = shop_.exchanges.make(shop_, *this, shop_.io.now());
  if (exchange_ == nullptr) return reply_bare(base::client_error(fault));
  refuse(base::client_error(fault));
}

void H2Request::take_body(io::Slice piece) {
  if (lingering_) {
    lingered_bytes_ += piece.size();
    if (lingered_bytes_ > limits::kLingerBytes) leave_early();
    return;
  }
  if (!reading_) return;  // answered already
  if (request_body_.size() + piece.size() > conn_->limits().body_bytes) {
    return refuse(base::client_error(Errc::body_too_large));
  }
  request_body_.append(shop_.io.blocks(), piece.view());
  body_received_ += piece.size();
}

// A local answer may be complete when this returns.
void H2Request::end_body() {
  if (!reading_) return;
  reading_ = false;
  shop_.io.timers().cancel(body_timer_);
  exchange_->start(std::move(request_body_));
}

// After the grace the body must have kept the rate; look again every second.
void H2Request::on_body_timer() {
  if (lingering_) return leave_early();
  const auto allowed = static_cast<base::Nanos>(body_received_ / limits::kBodyBytesPerSecond);
  const base::Nanos patience = conn_->limits().body_grace + allowed * base::kSecond;
  if (shop_.io.now() - body_since_ < patience) {
    shop_.io.timers().schedule(body_timer_, shop_.io.now() + base::kSecond);
    return;
  }
  refuse(base::client_error(Errc::request_timeout));
}

void H2Request::refuse(base::Error error, const api::ErrorDetail& detail) {
  reading_ = false;
  shop_.io.timers().cancel(body_timer_);
  exchange_->refuse(error, detail);
}

// Not even room for a record of it.
void H2Request::reply_bare(base::Error error) {
  char text[api::kErrorBodyBytes];
  const base::Bytes said = api::write_error_body(api::Family::openai, error, {}, text);
  api::AnswerHead head;
  head.status = api::http_status_of(error, {});
  head.content_length = said.size();
  head.fields = "content-type: application/json\r\nretry-after: 1\r\n";
  begin(head, shop_.io.blocks().copy_of(said));
  finish();
}

// -- answering. A stream that is closed takes nothing more, and whoever closed it has told the
// exchange, or will when this turn's frames are through.

void H2Request::begin(const api::AnswerHead& head, io::Slice first) {
  HEADRACE_ASSERT(!answer_begun_);
  answer_begun_ = true;
  char text[kAnswerFieldsBytes + 256];
  http::H1Writer writer(text, sizeof text);
  writer.raw(head.fields);
  if (head.kind == api::BodyKind::length && head.status != 204 && head.status != 304) {
    writer.field("content-length", head.content_length);
  }
  writer.field("date", shop_.date());
  HEADRACE_ASSERT(writer.ok());
  const bool told = conn_->session().answer(*this, head.status, writer.written(), false);
  conn_->due();
  if (!told) return abort();
  body(std::move(first));
}

void H2Request::body(io::Slice piece) {
  if (!open() || piece.empty()) return;
  conn_->session().write(*this, std::move(piece));
  conn_->due();
  arm_stall_timer();
}

void H2Request::finish() {
  if (!open()) return;
  conn_->session().finish(*this);
  conn_->due();
}

void H2Request::abort() {
  if (!open()) return;
  conn_->session().reset(*this, H2Code::internal_error);
  conn_->due();
}

void H2Request::on_exchange_end() {
  HEADRACE_ASSERT(exchange_ != nullptr);
  exchange_ = nullptr;
  request_body_.reset();
  if (!open()) return end();
  if (sent() && !in_ended) linger();
}

void H2Request::note_sent() {
  progress_at_ = shop_.io.now();
  if (exchange_ != nullptr) {
    exchange_->on_client_progress();
  } else if (sent() && !in_ended) {
    linger();
  }
}

// The answer is out and the client still sends. It need not (RFC 9113 section 8.1), but some lose
// the answer when they are told so at once: what comes is dropped for a while, as with HTTP/1.1.
void H2Request::linger() {
  lingering_ = true;
  shop_.io.timers().schedule(body_timer_, shop_.io.now() + limits::kLingerTimeout);
}

void H2Request::leave_early() {
  conn_->session().reset(*this, H2Code::no_error);
  conn_->due();
  end();
}

// -- ending

void H2Request::go(base::Error why) {
  reading_ = false;
  shop_.io.timers().cancel(body_timer_);
  if (exchange_ == nullptr) return end();
  exchange_->on_client_gone(why);  // and on_exchange_end() has ended this
}

void H2Request::end_now() {
  if (exchange_ == nullptr) return;
  if (reading_) return refuse(base::gateway_error(Errc::draining));
  exchange_->on_drain_end();
}

// Runs only while bytes wait for the client's window, and moves itself on as long as some leave.
void H2Request::arm_stall_timer() {
  if (stall_timer_.scheduled()) return;
  progress_at_ = shop_.io.now();
  shop_.io.timers().schedule(stall_timer_, progress_at_ + conn_->limits().write_stall_timeout);
}

void H2Request::on_stall_timer() {
  if (queued_bytes() == 0) return;
  const base::Nanos deadline = progress_at_ + conn_->limits().write_stall_timeout;
  if (deadline > shop_.io.now()) {
    shop_.io.timers().schedule(stall_timer_, deadline);
    return;
  }
  conn_->session().reset(*this, H2Code::cancel);
  conn_->due();
  go(base::client_error(Errc::client_stalled));
}

}  // namespace headrace::proxy
