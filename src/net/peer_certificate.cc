#include "net/peer_certificate.h"

#include <openssl/mem.h>
#include <openssl/x509v3.h>

#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/tls_files.h"

namespace headrace::net {
namespace {

// The text of an alternative name, or nothing.
std::string text_of(const ASN1_STRING* from, std::string_view kind) {
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(from)),
                              static_cast<std::size_t>(ASN1_STRING_length(from)));
  if (text.empty() || text.find('\0') != std::string_view::npos) return {};
  if (text.size() > base::limits::kCertificateNameBytes) return {};
  std::string name(kind);
  for (const char c : text) name += kind == "dns:" ? base::lower(c) : c;
  return name;
}

}  // namespace

PeerCertificate PeerCertificate::of(x509_st* certificate) {
  PeerCertificate peer;
  std::uint8_t* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size > 0) {
    peer.fingerprint = "sha256:" + digest_of({reinterpret_cast<const char*>(bytes),
                                              static_cast<std::size_t>(size)});
  }
  OPENSSL_free(bytes);
  const bssl::UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return peer;
  for (const GENERAL_NAME* name : names.get()) {
    if (peer.names.size() == base::limits::kCertificateNames) break;
    std::string text;
    if (name->type == GEN_DNS) text = text_of(name->d.dNSName, "dns:");
    if (name->type == GEN_URI) text = text_of(name->d.uniformResourceIdentifier, "uri:");
    if (!text.empty()) peer.names.push_back(std::move(text));
  }
  return peer;
}

}  // namespace headrace::net
