#include "net/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "net/address.h"
#include "net/tls_engine.h"
#include "net/tls_expiry.h"
#include "net/tls_files.h"

namespace headrace::net {
namespace {

// Certificates name addresses as addresses, in their binary form.
bool expect_address(X509_VERIFY_PARAM* terms, const Address& address) {
  if (address.family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return X509_VERIFY_PARAM_set1_ip(terms, v6.sin6_addr.s6_addr, sizeof v6.sin6_addr) == 1;
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  return X509_VERIFY_PARAM_set1_ip(
             terms, reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), sizeof v4.sin_addr) == 1;
}

}  // namespace

std::string protocol_list(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& each : protocols) {
    HEADRACE_ASSERT(!each.empty() && each.size() <= 255);
    list += static_cast<char>(each.size());
    list += each;
  }
  return list;
}

TlsClient::TlsClient(ssl_ctx_st* settings, std::shared_ptr<const TlsTrust> trust)
    : settings_(settings), trust_(std::move(trust)) {}

TlsClient::~TlsClient() {
  SSL_CTX_free(settings_);
}

std::shared_ptr<const TlsClient> TlsClient::make(const TlsClientOptions& options,
                                                 std::shared_ptr<const TlsTrust> trust,
                                                 std::string& fault) {
  HEADRACE_ASSERT(trust != nullptr);
  HEADRACE_ASSERT(!options.host.empty());
  SSL_CTX* settings = SSL_CTX_new(TLS_method());
  HEADRACE_ASSERT(settings != nullptr);
  auto client = std::make_shared<TlsClient>(settings, std::move(trust));
  SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(settings, TLS1_3_VERSION);
  SSL_CTX_set_early_data_enabled(settings, 0);
  SSL_CTX_set1_verify_cert_store(settings, client->trust_->store());
  SSL_CTX_set_verify(settings, SSL_VERIFY_PEER, nullptr);
  end_sessions_with_certificates(settings);
  // Tickets go to the origin's own store, by TlsEngine.
  SSL_CTX_set_session_cache_mode(settings,
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(settings, keep_ticket);

  X509_VERIFY_PARAM* terms = SSL_CTX_get0_param(settings);
  X509_VERIFY_PARAM_set_hostflags(
      terms, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (const auto literal = parse_literal(options.host, 0)) {
    const bool expected = expect_address(terms, *literal);
    HEADRACE_ASSERT(expected);
  } else {
    client->server_name_ = options.host;
    if (X509_VERIFY_PARAM_set1_host(terms, options.host.data(), options.host.size()) != 1) {
      fault = "the host is not a name that a certificate can bear";
      return nullptr;
    }
  }
  const std::string protocols = protocol_list(options.protocols);
  if (!protocols.empty()) {
    SSL_CTX_set_alpn_protos(settings,
                            reinterpret_cast<const std::uint8_t*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
  }
  std::string shown;
  if (!options.certificate_file.empty()) {
    fault = use_certificate(settings, options.certificate_file, options.key_file, shown);
    if (!fault.empty()) return nullptr;
  }
  client->identity_ = digest_of(options.host + '\n' + client->trust_->digest() + '\n' +
                                digest_of(shown) + '\n' + protocols);
  return client;
}

}  // namespace headrace::net
