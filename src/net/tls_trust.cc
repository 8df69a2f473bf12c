#include "net/tls_trust.h"

#include <openssl/x509.h>

#include <cstdlib>

#include "net/tls_files.h"

namespace headrace::net {

std::shared_ptr<const TlsTrust> TlsTrust::load(const std::string& file, std::string& fault) {
  std::string bytes;
  fault = read_tls_file(file, bytes);
  if (!fault.empty()) {
    fault = file + " " + fault;
    return nullptr;
  }
  auto trust = std::make_shared<TlsTrust>(X509_STORE_new());
  const int count = add_certificates(bytes, trust->store_);
  if (count <= 0) {
    fault = file + (count < 0 ? " holds a broken certificate" : " holds no certificate in PEM");
    return nullptr;
  }
  trust->digest_ = digest_of(bytes);
  return trust;
}

std::string TlsTrust::default_file() {
  const char* named = std::getenv("SSL_CERT_FILE");
  if (named != nullptr && *named != '\0') return named;
  return "/etc/ssl/certs/ca-certificates.crt";
}

TlsTrust::~TlsTrust() {
  X509_STORE_free(store_);
}

}  // namespace headrace::net
