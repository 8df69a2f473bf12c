// One direction of a TLS 1.3 connection behind its handshake: the traffic secret, the key and the
// nonce that come from it, and the number of the next record (RFC 8446 sections 5.3 and 7.3).
// Seals and opens records where they lie; allocates nothing for a record. The arithmetic is the
// library's. What is secret is wiped when the key is renewed and when it dies, and never printed.
//
// One thread, owned by the connection's TlsRecords.
#pragma once

#include <openssl/aead.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

struct ssl_st;

namespace headrace::net {

// What the handshake settled on.
struct TlsSuite {
  const EVP_AEAD* aead = nullptr;
  const EVP_MD* digest = nullptr;

  // False: none of the suites of TLS 1.3 that we know.
  static bool of(const ssl_st* ssl, TlsSuite& suite);
};

class TlsKey {
 public:
  static constexpr std::size_t kHeaderBytes = 5;
  static constexpr std::size_t kTagBytes = 16;
  // Around the text of a record that we make: its header, its type, its tag.
  static constexpr std::size_t kBehindBytes = 1 + kTagBytes;
  static constexpr std::size_t kOverhead = kHeaderBytes + kBehindBytes;

  TlsKey(const TlsSuite& suite, std::string_view secret, std::uint64_t sequence);
  TlsKey(const TlsKey&) = delete;
  TlsKey& operator=(const TlsKey&) = delete;
  ~TlsKey();

  // The secret that follows this one, from record 0.
  void renew();
  std::uint64_t sequence() const { return sequence_; }

  // Makes a record around the `size` bytes of text that stand kHeaderBytes behind `record`.
  // REQUIRES: kOverhead + size bytes are ours there; a body of at most kTlsSealedBytes.
  void seal(char* record, std::size_t size, std::uint8_t type);
  // Opens the body of a record, `size` bytes behind its header, in place: the text with its type
  // and its padding is kTagBytes shorter. False: it is not what the peer sent; the text is wiped.
  // REQUIRES: size >= kTagBytes.
  bool open(char* record, std::size_t size);

 private:
  using Nonce = std::array<std::uint8_t, 12>;

  void derive();
  void wipe();
  Nonce next_nonce();

  TlsSuite suite_;
  EVP_AEAD_CTX cipher_;
  std::uint64_t sequence_ = 0;
  Nonce base_{};
  std::array<std::uint8_t, 48> secret_{};  // SHA-384's is the longest
  std::uint8_t secret_size_ = 0;
};

}  // namespace headrace::net
