// What it costs to reach a provider: one connection made, a proxy asked to let it through and, over
// TLS, hands shaken on it, with a clock beside it. Blocking, for `headrace doctor`. No request is
// sent.
#pragma once

#include <memory>
#include <string>

#include "base/time.h"
#include "net/address.h"
#include "net/tls_sessions.h"

namespace headrace::net {
class TlsClient;
}
namespace headrace::upstream {
class Egress;
}

namespace headrace::server {

struct Handshake {
  base::Nanos connecting = 0;
  base::Nanos tunnelling =
      0;                    // until a proxy let us through; 0: there is none, or it was not asked
  base::Nanos shaking = 0;  // 0: plain
  std::string version;      // "TLSv1.3"
  std::string protocol;     // what ALPN settled on; empty: nothing
  bool resumed = false;
  std::string fault;  // empty: it came about
};

// `tls` and `egress` may be null; the address is that of the proxy where there is one. A ticket
// that the server hands out lands in `tickets`: a second handshake shows whether it is worth
// anything.
Handshake time_handshake(const net::Address& address,
                         const net::TlsClient* tls,
                         net::TlsSessions& tickets,
                         const std::shared_ptr<const upstream::Egress>& egress = nullptr);

}  // namespace headrace::server
