#include "net/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/limits.h"

namespace headrace::net {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

bssl::UniquePtr<BIO> reader_of(std::string_view bytes) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// A key that wants a passphrase is broken to us: nobody is there to give it.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

// Reading stopped at the end of the text, not at something broken.
bool ended_well() {
  const std::uint32_t error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return at_end;
}

}  // namespace

std::string read_tls_file(const std::string& file, std::string& bytes) {
  const std::unique_ptr<std::FILE, CloseFile> stream(std::fopen(file.c_str(), "re"));
  if (stream == nullptr) return std::string("cannot be read: ") + std::strerror(errno);
  struct stat facts{};
  if (::fstat(::fileno(stream.get()), &facts) != 0 || !S_ISREG(facts.st_mode))
    return "is not a file";
  char piece[16 * 1024];
  std::size_t total = 0;
  for (;;) {
    const std::size_t count = std::fread(piece, 1, sizeof piece, stream.get());
    if (count == 0) break;
    total += count;
    if (total > base::limits::kTlsFileBytes) return "is larger than a file of certificates may be";
    bytes.append(piece, count);
  }
  if (std::ferror(stream.get()) != 0) return std::string("cannot be read: ") + std::strerror(errno);
  return {};
}

int add_certificates(std::string_view pem, X509_STORE* store) {
  ERR_clear_error();
  const bssl::UniquePtr<BIO> reader = reader_of(pem);
  int count = 0;
  for (;;) {
    const bssl::UniquePtr<X509> certificate(
        PEM_read_bio_X509(reader.get(), nullptr, no_passphrase, nullptr));
    if (certificate == nullptr) return ended_well() ? count : -1;
    X509_STORE_add_cert(store, certificate.get());  // one that is there already is not added twice
    ++count;
  }
}

std::string use_certificate(SSL_CTX* settings,
                            const std::string& certificate_file,
                            const std::string& key_file,
                            std::string& identity) {
  std::string chain;
  if (std::string fault = read_tls_file(certificate_file, chain); !fault.empty())
    return certificate_file + " " + fault;
  std::string key;
  if (std::string fault = read_tls_file(key_file, key); !fault.empty())
    return key_file + " " + fault;
  identity += chain + key;

  ERR_clear_error();
  const bssl::UniquePtr<BIO> certificates = reader_of(chain);
  const bssl::UniquePtr<X509> leaf(
      PEM_read_bio_X509_AUX(certificates.get(), nullptr, no_passphrase, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(settings, leaf.get()) != 1)
    return certificate_file + " holds no usable certificate in PEM";
  for (;;) {
    bssl::UniquePtr<X509> issuer(
        PEM_read_bio_X509(certificates.get(), nullptr, no_passphrase, nullptr));
    if (issuer == nullptr) break;
    if (SSL_CTX_add0_chain_cert(settings, issuer.get()) != 1)
      return certificate_file + " holds a broken chain";
    static_cast<void>(issuer.release());  // the settings own it now
  }
  if (!ended_well()) return certificate_file + " holds a broken certificate behind the first";

  const bssl::UniquePtr<BIO> keys = reader_of(key);
  const bssl::UniquePtr<EVP_PKEY> pair(
      PEM_read_bio_PrivateKey(keys.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (pair == nullptr) return key_file + " holds no key in PEM that opens without a passphrase";
  if (SSL_CTX_use_PrivateKey(settings, pair.get()) != 1 ||
      SSL_CTX_check_private_key(settings) != 1) {
    ERR_clear_error();
    return key_file + " is not the key of the certificate in " + certificate_file;
  }
  return {};
}

std::string digest_of(std::string_view bytes) {
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), digest);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace headrace::net
