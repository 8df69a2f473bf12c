// One connection of the probe, either end: a socket, plain or with TLS. The library is the one that
// the gateway links, but nothing of src/net is here. With TLS everything stands in memory between
// the library and the socket, so that a message costs one system call, as without. All connections
// of a run must shake hands to the same version and cipher. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "system.h"

struct ssl_ctx_st;
struct ssl_st;

namespace headrace::probe {

// What both ends of the probe bring to a handshake: TLS 1.3, one certificate, no tickets. The
// client's end believes every certificate. Outlives its wires.
class TlsTerms {
 public:
  TlsTerms(const std::string& certificate_path, const std::string& key_path);
  TlsTerms(const TlsTerms&) = delete;
  TlsTerms& operator=(const TlsTerms&) = delete;
  ~TlsTerms();

  ssl_ctx_st* client() const { return client_; }
  ssl_ctx_st* server() const { return server_; }

 private:
  ssl_ctx_st* client_;
  ssl_ctx_st* server_;
};

class Wire {
 public:
  enum class Role : std::uint8_t { client, server };

  // Takes the socket, which is connected. `tls` may be null: plain.
  Wire(int fd, const TlsTerms* tls, Role role);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(); }

  // What is sent before the handshake is through follows it.
  void send(std::string_view bytes, const char* what);
  // What has come, in a place that the next call of any wire uses again; empty: nothing now.
  std::string_view receive();
  // The peer is gone. `broken`: by an error, and which.
  bool gone() const { return gone_; }
  const std::string& broken() const { return broken_; }

  int fd() const { return fd_; }
  void close();

 private:
  bool shake_hands();
  void check_terms();
  void flush(const char* what);
  std::string_view open(std::string_view ciphertext);
  [[noreturn]] void die_of_tls(const char* doing);

  int fd_;
  ssl_st* ssl_ = nullptr;
  bool shaken_ = false;
  bool gone_ = false;
  std::string broken_;
  std::string waiting_;  // for the handshake
};

// "TLSv1.3 TLS_AES_128_GCM_SHA256", or "" while no connection has shaken hands.
const std::string& tls_in_use();

}  // namespace headrace::probe
