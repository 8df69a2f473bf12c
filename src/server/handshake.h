// What it costs to reach a provider: one connection made and, over TLS, shaken hands on, with a
// clock beside it. Blocking, for `headrace doctor`. No request is sent.
#pragma once

#include <string>

#include "base/time.h"
#include "net/address.h"
#include "net/tls_sessions.h"

namespace headrace::net {
class TlsClient;
}

namespace headrace::server {

struct Handshake {
  base::Nanos connecting = 0;
  base::Nanos shaking = 0;  // 0: plain
  std::string version;      // "TLSv1.3"
  std::string protocol;     // what ALPN settled on; empty: nothing
  bool resumed = false;
  std::string fault;  // empty: it came about
};

// `tls` may be null. A ticket that the server hands out lands in `tickets`: a second handshake
// shows whether it is worth anything.
Handshake time_handshake(const net::Address& address,
                         const net::TlsClient* tls,
                         net::TlsSessions& tickets);

}  // namespace headrace::server
