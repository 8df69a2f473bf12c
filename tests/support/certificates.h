// Certificates made on the fly, good and bad: a plan says what one claims, issue() signs it, with
// its own key or an issuer's. P-256 throughout, so that a test can afford many.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

#include "scratch_dir.h"

namespace headrace_test {

struct CertificatePlan {
  std::string subject = "headrace test";
  std::string alt_names = "DNS:good.test";  // as openssl's configuration spells them; empty: none
  bool is_authority = false;
  std::string usage = "serverAuth";  // extended key usage; empty: none is said
  std::string constraints{};         // on names, of an authority: "permitted;DNS:good.test"
  std::string raw_dns_name{};        // instead of alt_names: any bytes
  long begins = -3600;               // seconds from now
  long ends = 24 * 3600;
};

struct Issued {
  bssl::UniquePtr<X509> certificate;
  bssl::UniquePtr<EVP_PKEY> key;

  std::string pem() const;
  std::string key_pem() const;
};

// `issuer` null: signed with its own key.
Issued issue(const CertificatePlan& plan, const Issued* issuer);

// An authority, and files of what it issued: NAME.pem and NAME.key.
class CertificateHouse {
 public:
  CertificateHouse();

  // Writes the certificate, then `chain`, and the key. `issuer` null: the house's authority.
  void write(const std::string& name,
             const CertificatePlan& plan,
             const Issued* issuer = nullptr,
             const std::string& chain = {});
  void write(const std::string& name, const Issued& issued, const std::string& chain = {});

  std::string authority_file() const { return dir.file("authority.pem"); }
  std::string certificate(const std::string& name) const { return dir.file(name + ".pem"); }
  std::string key(const std::string& name) const { return dir.file(name + ".key"); }

  ScratchDir dir;
  Issued authority;
};

}  // namespace headrace_test
