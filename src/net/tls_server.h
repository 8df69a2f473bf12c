// The terms on which we are the TLS server of one listener: one certificate or several, of which
// the one that bears the name the client asked for is shown (else the first), whether clients must
// show one, which protocols we take. TLS 1.2 and 1.3, no early data, no renegotiation.
//
// Made by the control thread, immutable from then on, shared by every worker, so that a ticket of
// one worker is good at another. The library makes the ticket keys and renews them; each TlsServer
// has its own, so no ticket outlives a reload. A connection holds on to the terms that it began
// with.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace headrace::net {

struct TlsServerOptions {
  struct Certificate {
    std::string certificate_file;  // with its chain
    std::string key_file;
  };
  std::vector<Certificate> certificates{};  // at least one; the first is shown to who names none
  std::string client_ca_file{};             // clients must show a certificate of these; empty: none
  std::vector<std::string> protocols{};     // ALPN, ours first: "h2", "http/1.1"
};

class TlsServer : public std::enable_shared_from_this<TlsServer> {
 public:
  // Null where it cannot be done; `fault` says why, without quoting a file.
  static std::shared_ptr<const TlsServer> make(const TlsServerOptions& options, std::string& fault);

  TlsServer() = default;
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer();

  // Where every connection begins: the first certificate's.
  ssl_ctx_st* settings() const { return settings_.front(); }
  // Those of the first certificate that bears the name; null where none does.
  ssl_ctx_st* settings_for(const char* name) const;
  const std::string& protocols() const { return protocols_; }  // as in a hello

 private:
  std::string add(const TlsServerOptions::Certificate& files, std::string& identity);
  std::string ask_clients(const std::string& client_ca_file, std::string& identity);

  std::vector<ssl_ctx_st*> settings_;
  std::string protocols_;
};

}  // namespace headrace::net
