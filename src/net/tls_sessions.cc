#include "net/tls_sessions.h"

#include <openssl/ssl.h>

#include <algorithm>

namespace headrace::net {

TlsSessions::~TlsSessions() {
  for (std::size_t i = 0; i < count_; ++i) SSL_SESSION_free(sessions_[i]);
}

void TlsSessions::keep(ssl_session_st* session) {
  if (count_ == sessions_.size()) {
    SSL_SESSION_free(sessions_.front());
    std::move(sessions_.begin() + 1, sessions_.end(), sessions_.begin());
    --count_;
  }
  sessions_[count_++] = session;
}

ssl_session_st* TlsSessions::take() {
  if (count_ == 0) return nullptr;
  ssl_session_st* newest = sessions_[count_ - 1];
  if (SSL_SESSION_should_be_single_use(newest) != 0) {
    --count_;
  } else {
    SSL_SESSION_up_ref(newest);
  }
  return newest;
}

}  // namespace headrace::net
