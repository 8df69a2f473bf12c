#include "upstream/h2_call.h"

#include "upstream/h2_conn.h"
#include "upstream/h2_pool.h"

namespace headrace::upstream {

H2Call::H2Call(H2Conn& conn) : conn_(&conn), pool_(conn.pool()) {}

void H2Call::send(AnswerOwner& owner, WireRequest request) {
  HEADRACE_ASSERT(owner_ == nullptr);
  owner_ = &owner;
  owner.wire = {};
  request_ = std::move(request);
  reused_ = conn_->connected();
  conn_->start(*this);
}

void H2Call::cancel() {
  if (conn_ != nullptr) return conn_->cancel(*this);
  other_->cancel();
  leave();
}

void H2Call::pause() {
  if (conn_ != nullptr) return conn_->pause(*this);
  paused_ = true;
  other_->pause();
}

void H2Call::resume() {
  if (conn_ != nullptr) return conn_->resume(*this);
  paused_ = false;
  other_->resume();
}

bool H2Call::connected() const {
  return conn_ != nullptr ? conn_->connected() : other_->connected();
}

// -- handed on

void H2Call::hand_on(Call& other) {
  conn_ = nullptr;
  other_ = &other;
  other.send(*this, std::move(request_));
  if (paused_) other.pause();
}

// The call and its attempt part.
AnswerOwner* H2Call::leave() {
  AnswerOwner* owner = std::exchange(owner_, nullptr);
  owner->wire = wire;
  pool_.destroy(*this);
  return owner;
}

void H2Call::on_answer_head(const http::ResponseHead& head,
                            const http::Fields& fields,
                            base::Bytes text) {
  owner_->wire = wire;
  owner_->on_answer_head(head, fields, text);
}

void H2Call::on_answer_body(io::Slice piece) {
  owner_->wire = wire;
  owner_->on_answer_body(std::move(piece));
}

void H2Call::on_answer_end() {
  leave()->on_answer_end();
}

void H2Call::on_answer_failed(base::Error error) {
  leave()->on_answer_failed(error);
}

}  // namespace headrace::upstream
