#include "upstream/tunnel.h"

#include "base/assert.h"
#include "base/limits.h"

namespace headrace::upstream {

namespace limits = base::limits;

Tunnel::State Tunnel::feed(io::Slice slice, io::BlockPool& blocks) {
  HEADRACE_ASSERT(state_ == State::waiting);
  while (state_ == State::waiting) {
    const std::string_view text = gathered_.join(slice, blocks);
    const http::Parse parsed = parser_.parse(text);
    if (parsed == http::Parse::failed) return fail("does not answer CONNECT in HTTP");
    if (parsed == http::Parse::need_more) {
      if (text.size() > limits::kProxyHeadBytes) return fail("answers CONNECT at too great length");
      gathered_.keep(slice, blocks);
      return state_;
    }
    slice.drop_front(parser_.head_bytes() - gathered_.before());
    if (parser_.head().status >= 200) return read(slice.view());
    if (++interim_answers_ > limits::kInterimAnswers) {
      return fail("answers CONNECT with interim answers only");
    }
    gathered_.reset();
    parser_.reset();
    if (slice.empty()) break;
  }
  return state_;
}

// The head is there; `behind` came with it. A length that a 2xx announces means nothing (RFC 9110,
// 9.3.6), and bytes behind it would be taken for the origin's.
Tunnel::State Tunnel::read(std::string_view behind) {
  gathered_.reset();
  status_ = parser_.head().status;
  if (status_ >= 300) return fail({});
  if (!behind.empty()) return fail("sent bytes behind its answer to CONNECT, where none belong");
  return state_ = State::open;
}

Tunnel::State Tunnel::fail(std::string_view what) {
  gathered_.reset();
  fault_ = what;
  return state_ = State::failed;
}

std::string Tunnel::failure_text() const {
  HEADRACE_ASSERT(state_ == State::failed);
  if (!fault_.empty()) return egress_->proxy() + " " + std::string(fault_);
  return refusal_text(*egress_, status_);
}

std::string refusal_text(const Egress& egress, std::uint16_t status) {
  // Some say 401 where what they were shown is wrong.
  const bool wants_credentials = status == 407 || status == 401;
  std::string text = egress.proxy() + " answered " + std::to_string(status);
  if (egress.tunnels()) text += " to CONNECT";
  if (wants_credentials) text += ": it wants a user and a password, or other ones";
  return text;
}

}  // namespace headrace::upstream
