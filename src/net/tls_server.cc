#include "net/tls_server.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstring>

#include "base/assert.h"
#include "base/limits.h"
#include "net/tls_client.h"
#include "net/tls_expiry.h"
#include "net/tls_files.h"
#include "net/tls_trust.h"

namespace headrace::net {
namespace {

constexpr std::uint32_t kTicketSeconds = 3600;

int choose_certificate(SSL* ssl, int*, void* server) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* found = static_cast<const TlsServer*>(server)->settings_for(name);
  if (found != nullptr) SSL_set_SSL_CTX(ssl, found);
  return found == nullptr ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

// Our order decides. A client that offers nothing we speak is refused (RFC 7301), one that offers
// nothing at all speaks HTTP/1.1.
int choose_protocol(SSL*,
                    const std::uint8_t** chosen,
                    std::uint8_t* chosen_size,
                    const std::uint8_t* offered,
                    unsigned offered_size,
                    void* server) {
  const std::string& ours = static_cast<const TlsServer*>(server)->protocols();
  std::uint8_t* match = nullptr;
  const int found = SSL_select_next_proto(&match,
                                          chosen_size,
                                          reinterpret_cast<const std::uint8_t*>(ours.data()),
                                          static_cast<unsigned>(ours.size()),
                                          offered,
                                          offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsServer::~TlsServer() {
  for (SSL_CTX* each : settings_) SSL_CTX_free(each);
}

std::shared_ptr<const TlsServer> TlsServer::make(const TlsServerOptions& options,
                                                 std::string& fault) {
  HEADRACE_ASSERT(!options.certificates.empty());
  if (options.certificates.size() > base::limits::kTlsCertificates) {
    fault = "has more than " + std::to_string(base::limits::kTlsCertificates) + " certificates";
    return nullptr;
  }
  auto server = std::make_shared<TlsServer>();
  server->protocols_ = protocol_list(options.protocols);
  std::string identity;
  for (const auto& each : options.certificates) {
    fault = server->add(each, identity);
    if (!fault.empty()) return nullptr;
  }
  if (!options.client_ca_file.empty()) {
    fault = server->ask_clients(options.client_ca_file, identity);
    if (!fault.empty()) return nullptr;
  }
  // A ticket is good where the same certificates are shown and the same ones asked for. Today the
  // keys say so already, which are new in every TlsServer.
  const std::string digest = digest_of(identity);
  for (SSL_CTX* each : server->settings_) {
    SSL_CTX_set_session_id_context(
        each, reinterpret_cast<const std::uint8_t*>(digest.data()), SSL_MAX_SID_CTX_LENGTH);
  }
  return server;
}

std::string TlsServer::add(const TlsServerOptions::Certificate& files, std::string& identity) {
  SSL_CTX* settings = SSL_CTX_new(TLS_method());
  HEADRACE_ASSERT(settings != nullptr);
  settings_.push_back(settings);
  SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(settings, TLS1_3_VERSION);
  // What HTTP/2 allows with TLS 1.2 (RFC 9113 section 9.2): forward secrecy, sealed records.
  const int strict = SSL_CTX_set_strict_cipher_list(settings, "ECDHE+AESGCM:ECDHE+CHACHA20");
  HEADRACE_ASSERT(strict == 1);
  SSL_CTX_set_early_data_enabled(settings, 0);
  SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);  // tickets carry everything
  SSL_CTX_set_tlsext_servername_callback(settings, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(settings, this);
  if (!protocols_.empty()) SSL_CTX_set_alpn_select_cb(settings, choose_protocol, this);
  return use_certificate(settings, files.certificate_file, files.key_file, identity);
}

std::string TlsServer::ask_clients(const std::string& client_ca_file, std::string& identity) {
  std::string fault;
  const std::shared_ptr<const TlsTrust> trust = TlsTrust::load(client_ca_file, fault);
  if (trust == nullptr) return fault;
  identity += trust->digest();
  for (SSL_CTX* each : settings_) {
    SSL_CTX_set1_verify_cert_store(each, trust->store());
    // A ticket stands for the certificate, which is not looked at again: not for long, and no
    // longer than it is good.
    SSL_CTX_set_timeout(each, kTicketSeconds);
    SSL_CTX_set_session_psk_dhe_timeout(each, kTicketSeconds);
    end_sessions_with_certificates(each);
    SSL_CTX_set_verify(each, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return {};
}

ssl_ctx_st* TlsServer::settings_for(const char* name) const {
  constexpr unsigned kFlags =
      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  for (SSL_CTX* each : settings_) {
    X509* leaf = SSL_CTX_get0_certificate(each);
    if (X509_check_host(leaf, name, std::strlen(name), kFlags, nullptr) == 1) return each;
  }
  return nullptr;
}

}  // namespace headrace::net
