#include "self_certificate.h"

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace headrace::mock {
namespace {

struct Issued {
  bssl::UniquePtr<X509> certificate;
  bssl::UniquePtr<EVP_PKEY> key;
};

bssl::UniquePtr<EVP_PKEY> make_key() {
  const bssl::UniquePtr<EC_KEY> curve_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  EC_KEY_generate_key(curve_key.get());
  EVP_PKEY_set1_EC_KEY(key.get(), curve_key.get());
  return key;
}

void extend(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX place;
  X509V3_set_ctx(&place, issuer, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &place, nid, value));
  X509_add_ext(certificate, extension.get(), -1);
}

Issued issue(std::string_view subject, const Issued* issuer) {
  constexpr long kDay = 24 * 3600;
  Issued made{bssl::UniquePtr<X509>(X509_new()), make_key()};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * kDay);
  X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate),
                             NID_commonName,
                             MBSTRING_UTF8,
                             reinterpret_cast<const std::uint8_t*>(subject.data()),
                             static_cast<int>(subject.size()),
                             -1,
                             0);
  X509* const above = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(above));
  X509_set_pubkey(certificate, made.key.get());
  if (issuer == nullptr) {
    extend(certificate, above, NID_basic_constraints, "critical,CA:TRUE");
    extend(certificate, above, NID_key_usage, "critical,keyCertSign");
  } else {
    extend(certificate, above, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
    extend(certificate, above, NID_ext_key_usage, "serverAuth");
  }
  X509_sign(certificate, issuer == nullptr ? made.key.get() : issuer->key.get(), EVP_sha256());
  return made;
}

bool write_certificate(const std::string& path, const Issued& issued) {
  const bssl::UniquePtr<BIO> file(BIO_new_file(path.c_str(), "w"));
  return file != nullptr && PEM_write_bio_X509(file.get(), issued.certificate.get()) == 1;
}

bool write_key(const std::string& path, const Issued& issued) {
  const bssl::UniquePtr<BIO> file(BIO_new_file(path.c_str(), "w"));
  return file != nullptr &&
         PEM_write_bio_PKCS8PrivateKey(
             file.get(), issued.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
}

}  // namespace

std::shared_ptr<const net::TlsServer> make_self_certificate(
    const std::string& ca_file, const std::vector<std::string>& protocols, std::string& fault) {
  const Issued authority = issue("headrace-mock authority", nullptr);
  const Issued server = issue("headrace-mock", &authority);
  if (!write_certificate(ca_file, authority)) {
    fault = ca_file + " cannot be written";
    return nullptr;
  }
  // The server reads files; these two are seen by nobody else, and go at once.
  char folder[] = "/tmp/headrace-mock-XXXXXX";
  if (::mkdtemp(folder) == nullptr) {
    fault = "no folder can be made in /tmp";
    return nullptr;
  }
  const std::string certificate_file = std::string(folder) + "/certificate.pem";
  const std::string key_file = std::string(folder) + "/key.pem";
  std::shared_ptr<const net::TlsServer> made;
  if (write_certificate(certificate_file, server) && write_key(key_file, server)) {
    net::TlsServerOptions options;
    options.certificates.push_back({certificate_file, key_file});
    options.protocols = protocols;
    made = net::TlsServer::make(options, fault);
  } else {
    fault = certificate_file + " cannot be written";
  }
  ::unlink(certificate_file.c_str());
  ::unlink(key_file.c_str());
  ::rmdir(folder);
  return made;
}

}  // namespace headrace::mock
