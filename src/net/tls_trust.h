// Whose certificates are believed: the certificate authorities of one PEM file, parsed once and
// shared by everything that checks a peer against them. Made by the control thread (start-up and
// reload), immutable from then on, used by every worker. The library's own default paths are never
// looked at.
#pragma once

#include <memory>
#include <string>

struct x509_store_st;

namespace headrace::net {

class TlsTrust {
 public:
  // Null where the file is missing, too large, or holds no certificate; `fault` says which.
  static std::shared_ptr<const TlsTrust> load(const std::string& file, std::string& fault);
  // The file to believe where the configuration names none: SSL_CERT_FILE of the environment, else
  // the system's bundle.
  static std::string default_file();

  explicit TlsTrust(x509_store_st* store) : store_(store) {}
  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;
  ~TlsTrust();

  x509_store_st* store() const { return store_; }
  const std::string& digest() const { return digest_; }  // of the file's bytes

 private:
  x509_store_st* store_;
  std::string digest_;
};

}  // namespace headrace::net
