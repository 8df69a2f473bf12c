#include "net/tls_key.h"

#include <openssl/digest.h>
#include <openssl/hkdf.h>
#include <openssl/mem.h>
#include <openssl/ssl.h>

#include <cstring>

#include "base/assert.h"
#include "base/limits.h"

namespace headrace::net {
namespace {

constexpr std::size_t kKeyBytesMost = 32;

// HKDF-Expand-Label with an empty context.
void expand(const EVP_MD* digest,
            std::string_view secret,
            std::string_view label,
            std::uint8_t* to,
            std::size_t size) {
  constexpr std::string_view kPrefix = "tls13 ";
  std::array<std::uint8_t, 32> info{};
  HEADRACE_ASSERT(kPrefix.size() + label.size() + 4 <= info.size() && size <= 255);
  std::size_t at = 1;
  info[at++] = static_cast<std::uint8_t>(size);
  info[at++] = static_cast<std::uint8_t>(kPrefix.size() + label.size());
  std::memcpy(info.data() + at, kPrefix.data(), kPrefix.size());
  at += kPrefix.size();
  std::memcpy(info.data() + at, label.data(), label.size());
  at += label.size() + 1;  // and a context of no bytes
  const int made = HKDF_expand(to,
                               size,
                               digest,
                               reinterpret_cast<const std::uint8_t*>(secret.data()),
                               secret.size(),
                               info.data(),
                               at);
  HEADRACE_ASSERT(made == 1);
}

std::uint8_t* bytes_at(char* at) {
  return reinterpret_cast<std::uint8_t*>(at);
}

}  // namespace

bool TlsSuite::of(const ssl_st* ssl, TlsSuite& suite) {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  if (cipher == nullptr) return false;
  switch (SSL_CIPHER_get_protocol_id(cipher)) {
    case 0x1301:
      suite = {.aead = EVP_aead_aes_128_gcm(), .digest = EVP_sha256()};
      return true;
    case 0x1302:
      suite = {.aead = EVP_aead_aes_256_gcm(), .digest = EVP_sha384()};
      return true;
    case 0x1303:
      suite = {.aead = EVP_aead_chacha20_poly1305(), .digest = EVP_sha256()};
      return true;
    default:
      return false;
  }
}

TlsKey::TlsKey(const TlsSuite& suite, std::string_view secret, std::uint64_t sequence)
    : suite_(suite), sequence_(sequence), secret_size_(static_cast<std::uint8_t>(secret.size())) {
  HEADRACE_ASSERT(secret.size() <= secret_.size());
  std::memcpy(secret_.data(), secret.data(), secret.size());
  EVP_AEAD_CTX_zero(&cipher_);
  derive();
}

TlsKey::~TlsKey() {
  wipe();
  OPENSSL_cleanse(base_.data(), base_.size());
  OPENSSL_cleanse(secret_.data(), secret_.size());
}

void TlsKey::wipe() {
  EVP_AEAD_CTX_cleanup(&cipher_);
  OPENSSL_cleanse(&cipher_, sizeof cipher_);
}

void TlsKey::derive() {
  const std::string_view secret(reinterpret_cast<const char*>(secret_.data()), secret_size_);
  std::array<std::uint8_t, kKeyBytesMost> key{};
  const std::size_t key_bytes = EVP_AEAD_key_length(suite_.aead);
  HEADRACE_ASSERT(key_bytes <= key.size());
  expand(suite_.digest, secret, "key", key.data(), key_bytes);
  expand(suite_.digest, secret, "iv", base_.data(), base_.size());
  const int made =
      EVP_AEAD_CTX_init(&cipher_, suite_.aead, key.data(), key_bytes, kTagBytes, nullptr);
  HEADRACE_ASSERT(made == 1);
  OPENSSL_cleanse(key.data(), key.size());
}

void TlsKey::renew() {
  std::array<std::uint8_t, 48> next{};
  const std::string_view secret(reinterpret_cast<const char*>(secret_.data()), secret_size_);
  expand(suite_.digest, secret, "traffic upd", next.data(), secret_size_);
  secret_ = next;
  OPENSSL_cleanse(next.data(), next.size());
  wipe();
  sequence_ = 0;
  derive();
}

// The number of the record, as 64 bits of the network's order, over the end of the base.
TlsKey::Nonce TlsKey::next_nonce() {
  Nonce nonce = base_;
  std::uint64_t low = 0;
  std::memcpy(&low, nonce.data() + 4, sizeof low);
  low ^= __builtin_bswap64(sequence_++);
  std::memcpy(nonce.data() + 4, &low, sizeof low);
  return nonce;
}

void TlsKey::seal(char* record, std::size_t size, std::uint8_t type) {
  const std::size_t body = size + kBehindBytes;
  HEADRACE_ASSERT(body <= base::limits::kTlsSealedBytes);
  record[0] = 23;  // application data, whatever it is
  record[1] = record[2] = 3;
  record[3] = static_cast<char>(body >> 8);
  record[4] = static_cast<char>(body & 0xff);
  std::uint8_t* text = bytes_at(record) + kHeaderBytes;
  text[size] = type;
  const Nonce nonce = next_nonce();
  std::size_t tag_bytes = 0;
  const int sealed = EVP_AEAD_CTX_seal_scatter(&cipher_,
                                               text,
                                               text + size + 1,
                                               &tag_bytes,
                                               kTagBytes,
                                               nonce.data(),
                                               nonce.size(),
                                               text,
                                               size + 1,
                                               nullptr,
                                               0,
                                               bytes_at(record),
                                               kHeaderBytes);
  HEADRACE_ASSERT(sealed == 1 && tag_bytes == kTagBytes);
}

bool TlsKey::open(char* record, std::size_t size) {
  HEADRACE_ASSERT(size >= kTagBytes);
  std::uint8_t* text = bytes_at(record) + kHeaderBytes;
  const std::size_t sealed_bytes = size - kTagBytes;
  const Nonce nonce = next_nonce();
  return EVP_AEAD_CTX_open_gather(&cipher_,
                                  text,
                                  nonce.data(),
                                  nonce.size(),
                                  text,
                                  sealed_bytes,
                                  text + sealed_bytes,
                                  kTagBytes,
                                  bytes_at(record),
                                  kHeaderBytes) == 1;
}

}  // namespace headrace::net
