#include "certificates.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>

namespace headrace_test {
namespace {

bssl::UniquePtr<EVP_PKEY> make_key() {
  bssl::UniquePtr<EC_KEY> curve_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  REQUIRE(EC_KEY_generate_key(curve_key.get()) == 1);
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  REQUIRE(EVP_PKEY_set1_EC_KEY(key.get(), curve_key.get()) == 1);
  return key;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX place;
  X509V3_set_ctx(&place, issuer, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &place, nid, value.c_str()));
  REQUIRE(extension != nullptr);
  REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void add_raw_dns_name(X509* certificate, const std::string& bytes) {
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  REQUIRE(ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size())) == 1);
  GENERAL_NAME* name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  const bssl::UniquePtr<GENERAL_NAMES> names(GENERAL_NAMES_new());
  REQUIRE(bssl::PushToStack(names.get(), bssl::UniquePtr<GENERAL_NAME>(name)));
  REQUIRE(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1);
}

std::string text_of(BIO* memory) {
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  REQUIRE(BIO_mem_contents(memory, &bytes, &size) == 1);
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::string Issued::pem() const {
  const bssl::UniquePtr<BIO> memory(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(memory.get(), certificate.get()) == 1);
  return text_of(memory.get());
}

std::string Issued::key_pem() const {
  const bssl::UniquePtr<BIO> memory(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(
              memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(memory.get());
}

Issued issue(const CertificatePlan& plan, const Issued* issuer) {
  static std::atomic<std::uint64_t> serial{1};
  Issued made{bssl::UniquePtr<X509>(X509_new()), make_key()};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), plan.begins);
  X509_gmtime_adj(X509_getm_notAfter(certificate), plan.ends);
  X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate),
                             NID_commonName,
                             MBSTRING_UTF8,
                             reinterpret_cast<const std::uint8_t*>(plan.subject.data()),
                             static_cast<int>(plan.subject.size()),
                             -1,
                             0);
  X509* const above = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(above));
  X509_set_pubkey(certificate, made.key.get());
  extend(certificate,
         above,
         NID_basic_constraints,
         plan.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (plan.is_authority) extend(certificate, above, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (!plan.raw_dns_name.empty()) {
    add_raw_dns_name(certificate, plan.raw_dns_name);
  } else if (!plan.alt_names.empty() && !plan.is_authority) {
    extend(certificate, above, NID_subject_alt_name, plan.alt_names);
  }
  if (!plan.usage.empty() && !plan.is_authority)
    extend(certificate, above, NID_ext_key_usage, plan.usage);
  if (!plan.constraints.empty())
    extend(certificate, above, NID_name_constraints, "critical," + plan.constraints);
  EVP_PKEY* const signer = issuer == nullptr ? made.key.get() : issuer->key.get();
  REQUIRE(X509_sign(certificate, signer, EVP_sha256()) > 0);
  return made;
}

CertificateHouse::CertificateHouse()
    : authority(issue({.subject = "headrace test authority", .is_authority = true}, nullptr)) {
  write_text(authority_file(), authority.pem());
}

void CertificateHouse::write(const std::string& name,
                             const CertificatePlan& plan,
                             const Issued* issuer,
                             const std::string& chain) {
  write(name, issue(plan, issuer == nullptr ? &authority : issuer), chain);
}

void CertificateHouse::write(const std::string& name,
                             const Issued& issued,
                             const std::string& chain) {
  write_text(certificate(name), issued.pem() + chain);
  write_text(key(name), issued.key_pem());
}

}  // namespace headrace_test
