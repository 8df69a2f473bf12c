// Tunnel: how a byte stream to a forward proxy becomes one to an origin: what the proxy answers to
// CONNECT, read strictly and bounded (kProxyHeadBytes). It is open once the proxy has answered 2xx
// and has said nothing behind that, because the next word is ours. Anything else is the end of it,
// in words that name the proxy and its status. No sockets here: a lane or the doctor has them. One
// thread; lives as long as the question is open.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/h1_parser.h"
#include "io/gather.h"
#include "upstream/egress.h"

namespace headrace::upstream {

class Tunnel {
 public:
  enum class State : std::uint8_t { waiting, open, failed };

  explicit Tunnel(std::shared_ptr<const Egress> egress) : egress_(std::move(egress)) {}

  std::string_view request() const { return egress_->connect_request(); }
  // REQUIRES: waiting.
  State feed(io::Slice slice, io::BlockPool& blocks);
  // The proxy's connection ended, or time was up. REQUIRES: waiting.
  void note_end() { fail("ended the connection in place of an answer to CONNECT"); }
  void note_timeout() { fail("did not answer CONNECT in time"); }

  State state() const { return state_; }
  // REQUIRES: failed. "proxy.corp:3128 answered 403 to CONNECT"; never the credentials.
  std::string failure_text() const;

 private:
  State read(std::string_view behind);
  State fail(std::string_view what);

  std::shared_ptr<const Egress> egress_;
  http::H1ResponseParser parser_;
  io::Gather gathered_;
  std::string_view fault_;  // a constant
  std::uint16_t status_ = 0;
  std::uint8_t interim_answers_ = 0;
  State state_ = State::waiting;
};

// What a proxy's refusal says to whoever runs the gateway: "answered 407 ...".
std::string refusal_text(const Egress& egress, std::uint16_t status);

}  // namespace headrace::upstream
