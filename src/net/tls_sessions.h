// The tickets of one origin on one worker: what its servers gave us to begin the next connection
// with less work. Few, newest first; a TLS 1.3 ticket is used once (RFC 8446 C.4), an older kind
// until it is replaced. Only connections on the same terms share them (TlsClient::identity), since
// a resumed connection rests on the check that the first one made. One thread.
#pragma once

#include <array>
#include <cstddef>

#include "base/limits.h"

struct ssl_session_st;

namespace headrace::net {

class TlsSessions {
 public:
  TlsSessions() = default;
  TlsSessions(const TlsSessions&) = delete;
  TlsSessions& operator=(const TlsSessions&) = delete;
  ~TlsSessions();

  void keep(ssl_session_st* session);  // takes the reference over
  ssl_session_st* take();              // a reference of the caller's; null when there is none
  std::size_t count() const { return count_; }

 private:
  std::array<ssl_session_st*, base::limits::kTlsTickets> sessions_{};  // the newest is the last
  std::size_t count_ = 0;
};

}  // namespace headrace::net
