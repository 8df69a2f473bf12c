#include "wire.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace headrace::probe {
namespace {

constexpr std::size_t kReceiveBytes = 16 * 1024;

// Shared by all wires: the thread is one.
std::array<char, kReceiveBytes> received;
// Of one receive there may come the rest of a record that began before it.
std::array<char, 3 * kReceiveBytes> plaintext;

std::string& terms_in_use() {
  static std::string terms;
  return terms;
}

ssl_ctx_st* new_terms() {
  SSL_CTX* terms = SSL_CTX_new(TLS_method());
  if (terms == nullptr) die("SSL_CTX_new");
  SSL_CTX_set_min_proto_version(terms, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(terms, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(terms, SSL_OP_NO_TICKET);
  return terms;
}

}  // namespace

const std::string& tls_in_use() {
  return terms_in_use();
}

TlsTerms::TlsTerms(const std::string& certificate_path, const std::string& key_path)
    : client_(new_terms()), server_(new_terms()) {
  SSL_CTX_set_verify(client_, SSL_VERIFY_NONE, nullptr);
  if (SSL_CTX_use_certificate_chain_file(server_, certificate_path.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(server_, key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    die("cannot use the certificate %s with the key %s",
        certificate_path.c_str(),
        key_path.c_str());
  }
}

TlsTerms::~TlsTerms() {
  SSL_CTX_free(client_);
  SSL_CTX_free(server_);
}

Wire::Wire(int fd, const TlsTerms* tls, Role role) : fd_(fd) {
  if (tls == nullptr) return;
  ssl_ = SSL_new(role == Role::client ? tls->client() : tls->server());
  if (ssl_ == nullptr) die("SSL_new");
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (role == Role::server) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    shake_hands();
  }
}

void Wire::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  if (ssl_ != nullptr) SSL_free(ssl_);
  ssl_ = nullptr;
}

void Wire::send(std::string_view bytes, const char* what) {
  if (ssl_ == nullptr) return send_all(fd_, bytes, what);
  if (!shaken_) {
    waiting_ += bytes;
    return;
  }
  if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) !=
      static_cast<int>(bytes.size())) {
    die_of_tls(what);
  }
  flush(what);
}

std::string_view Wire::receive() {
  const ssize_t count = recv(fd_, received.data(), received.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (count <= 0) {
    gone_ = true;
    if (count < 0) broken_ = std::strerror(errno);
    return {};
  }
  const std::string_view bytes(received.data(), static_cast<std::size_t>(count));
  return ssl_ == nullptr ? bytes : open(bytes);
}

std::string_view Wire::open(std::string_view ciphertext) {
  BIO_write(SSL_get_rbio(ssl_), ciphertext.data(), static_cast<int>(ciphertext.size()));
  if (!shaken_ && !shake_hands()) return {};
  std::size_t size = 0;
  while (size < plaintext.size()) {
    const int count =
        SSL_read(ssl_, plaintext.data() + size, static_cast<int>(plaintext.size() - size));
    if (count > 0) {
      size += static_cast<std::size_t>(count);
      continue;
    }
    const int error = SSL_get_error(ssl_, count);
    if (error == SSL_ERROR_ZERO_RETURN) gone_ = true;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) break;
    die_of_tls("reading");
  }
  flush("an answer of TLS");
  return {plaintext.data(), size};
}

// True: it is through, and what waited for it is sent.
bool Wire::shake_hands() {
  const int result = SSL_do_handshake(ssl_);
  if (result != 1 && SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) {
    die_of_tls("the handshake");
  }
  flush("a handshake");
  if (result != 1) return false;
  shaken_ = true;
  check_terms();
  if (!waiting_.empty()) send(std::exchange(waiting_, {}), "what waited for the handshake");
  return true;
}

// Ends the program where two connections were not spoken to in the same way: what costs differ in
// would not be the proxies.
void Wire::check_terms() {
  const std::string terms = std::string(SSL_get_version(ssl_)) + " " +
                            SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl_));
  std::string& known = terms_in_use();
  if (known.empty()) known = terms;
  if (known != terms) die("one connection speaks %s, another %s", known.c_str(), terms.c_str());
}

void Wire::flush(const char* what) {
  BIO* out = SSL_get_wbio(ssl_);
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out, &bytes, &size);
  if (size == 0) return;
  send_all(fd_, {reinterpret_cast<const char*>(bytes), size}, what);
  BIO_reset(out);
}

void Wire::die_of_tls(const char* doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  die("TLS, %s: %s", doing, text.data());
}

}  // namespace headrace::probe
