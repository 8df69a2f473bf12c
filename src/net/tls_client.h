// The terms on which we are a TLS client of one server: whom we believe, which name its certificate
// must bear, what we show, which protocols we offer. TLS 1.2 and 1.3, the whole chain and the name
// always checked (names in the certificate's subject do not count), no early data, no
// renegotiation. There is no way to switch the check off: whoever has a private authority names it.
//
// Made by the control thread, immutable from then on, shared by every worker.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/tls_trust.h"

struct ssl_ctx_st;

namespace headrace::net {

struct TlsClientOptions {
  std::string host;                      // a name, which is also sent (SNI), or an IP address
  std::string certificate_file{};        // ours, with its chain; empty: we show none
  std::string key_file{};                // of that certificate
  std::vector<std::string> protocols{};  // ALPN, the most wanted first; empty: none is offered
};

class TlsClient {
 public:
  // Null where it cannot be done; `fault` says why, without quoting a file.
  static std::shared_ptr<const TlsClient> make(const TlsClientOptions& options,
                                               std::shared_ptr<const TlsTrust> trust,
                                               std::string& fault);

  TlsClient(ssl_ctx_st* settings, std::shared_ptr<const TlsTrust> trust);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient();

  ssl_ctx_st* settings() const { return settings_; }
  const std::string& server_name() const { return server_name_; }  // to send; empty: an address
  // Two clients with the same terms have the same one: only they may share connections and tickets.
  const std::string& identity() const { return identity_; }

 private:
  ssl_ctx_st* settings_;
  std::shared_ptr<const TlsTrust> trust_;
  std::string server_name_;
  std::string identity_;
};

// The list as it stands in a TLS hello: each name behind its length. REQUIRES: 1 to 255 bytes each.
std::string protocol_list(const std::vector<std::string>& protocols);

}  // namespace headrace::net
