// The suites of TLS 1.3, and secrets made up for them.
#pragma once

#include <openssl/digest.h>

#include <array>
#include <string>

#include "net/tls_key.h"

namespace headrace::net::test {

struct NamedSuite {
  const char* name;
  TlsSuite suite;
};

inline const std::array<NamedSuite, 3>& suites() {
  static const std::array<NamedSuite, 3> all{{
      {"TLS_AES_128_GCM_SHA256", {EVP_aead_aes_128_gcm(), EVP_sha256()}},
      {"TLS_AES_256_GCM_SHA384", {EVP_aead_aes_256_gcm(), EVP_sha384()}},
      {"TLS_CHACHA20_POLY1305_SHA256", {EVP_aead_chacha20_poly1305(), EVP_sha256()}},
  }};
  return all;
}

inline std::string secret_of(const TlsSuite& suite, char letter) {
  return std::string(EVP_MD_size(suite.digest), letter);
}

}  // namespace headrace::net::test
