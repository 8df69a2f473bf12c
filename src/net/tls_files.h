// What TLS reads from files: certificates and keys in PEM. Start-up and reload only; bounded, and
// no fault quotes what a file holds. Keys under a passphrase are refused rather than asked for.
#pragma once

#include <openssl/base.h>

#include <memory>
#include <string>
#include <string_view>

namespace headrace::net {

// Appends the file's bytes. Returns what is wrong, or nothing.
std::string read_tls_file(const std::string& file, std::string& bytes);

// Puts every certificate of a PEM text into the store. Returns how many, or -1 where one is broken.
int add_certificates(std::string_view pem, X509_STORE* store);

// Takes a certificate with its chain, and its key, for connections that are made from `settings`.
// `identity` gets the bytes of both files, for digests. Returns what is wrong, or nothing.
std::string use_certificate(SSL_CTX* settings,
                            const std::string& certificate_file,
                            const std::string& key_file,
                            std::string& identity);

// SHA-256, in hex.
std::string digest_of(std::string_view bytes);

}  // namespace headrace::net
