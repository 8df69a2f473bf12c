// A resumed session rests on the certificates that the peer showed in its first handshake: nobody
// looks at them again. So it ends with them. The first of the chain to expire bounds what tickets
// of the session promise, through however many resumptions; the peer that comes later has to show
// something new in a handshake of its own.
//
// The control thread sets the terms, the library asks during the handshakes of every worker.
#pragma once

#include <openssl/base.h>

namespace headrace::net {

// For connections that are made from `settings`: the chain is verified as ever, and bounds the
// session. Its whole life, renewals counted, is at most what the library gives one of its kind
// (SSL_CTX_set_timeout, SSL_CTX_set_session_psk_dhe_timeout).
void end_sessions_with_certificates(SSL_CTX* settings);

}  // namespace headrace::net
