#include "net/tls_expiry.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdint>
#include <ctime>

#include "base/assert.h"

namespace headrace::net {
namespace {

// Seconds from `begin` until the first certificate of the verified chain expires.
std::int64_t seconds_of_chain(X509_STORE_CTX* checked, const ASN1_TIME* begin) {
  std::int64_t seconds = UINT32_MAX;
  for (const X509* each : X509_STORE_CTX_get0_chain(checked)) {
    int days = 0;
    int rest = 0;
    if (ASN1_TIME_diff(&days, &rest, begin, X509_get0_notAfter(each)) != 1) return 0;
    seconds = std::min(seconds, std::int64_t{days} * 24 * 3600 + rest);
  }
  return std::max<std::int64_t>(seconds, 0);
}

// The session of a handshake that is under way is the one that its tickets are made of. Setting
// its time sets the bound for renewals too: each of them gets what is left.
int verify(X509_STORE_CTX* checked, void*) {
  if (X509_verify_cert(checked) != 1) return 0;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(checked, SSL_get_ex_data_X509_STORE_CTX_idx()));
  SSL_SESSION* session = SSL_get_session(ssl);
  HEADRACE_ASSERT(session != nullptr);
  const bssl::UniquePtr<ASN1_TIME> begin(
      ASN1_TIME_set(nullptr, static_cast<std::time_t>(SSL_SESSION_get_time(session))));
  HEADRACE_ASSERT(begin != nullptr);
  const std::int64_t most = SSL_SESSION_get_timeout(session);
  const std::int64_t seconds = std::min(most, seconds_of_chain(checked, begin.get()));
  SSL_SESSION_set_timeout(session, static_cast<std::uint32_t>(seconds));
  return 1;
}

}  // namespace

void end_sessions_with_certificates(SSL_CTX* settings) {
  SSL_CTX_set_cert_verify_callback(settings, verify, nullptr);
}

}  // namespace headrace::net
