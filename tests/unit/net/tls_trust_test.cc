// Goal: only files that hold certificates are believed. Method: files of every other kind.
#include "net/tls_trust.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "certificates.h"

namespace headrace::net::test {

using headrace_test::CertificateHouse;
using headrace_test::write_text;

TEST_CASE("a bundle is read whole, and twice the same authority is no fault") {
  CertificateHouse house;
  CertificateHouse other;
  std::string fault;
  const std::string both = house.dir.file("both.pem");
  write_text(
      both,
      "# a comment\n" + house.authority.pem() + other.authority.pem() + house.authority.pem());
  const auto trust = TlsTrust::load(both, fault);
  REQUIRE(trust != nullptr);
  CHECK(fault.empty());
  CHECK(trust->digest() != TlsTrust::load(house.authority_file(), fault)->digest());
}

TEST_CASE("a file that holds no certificate, or a broken one, is refused by name") {
  CertificateHouse house;
  std::string fault;
  CHECK(TlsTrust::load(house.dir.file("none"), fault) == nullptr);
  CHECK(fault == house.dir.file("none") + " cannot be read: No such file or directory");
  CHECK(TlsTrust::load(house.dir.path(), fault) == nullptr);
  CHECK(fault == house.dir.path() + " is not a file");
  const std::string file = house.dir.file("bad.pem");
  write_text(file, "");
  CHECK(TlsTrust::load(file, fault) == nullptr);
  CHECK(fault == file + " holds no certificate in PEM");
  write_text(file, house.authority.key_pem());
  CHECK(TlsTrust::load(file, fault) == nullptr);
  write_text(
      file,
      house.authority.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  CHECK(TlsTrust::load(file, fault) == nullptr);
  CHECK(fault == file + " holds a broken certificate");
}

TEST_CASE("without a name in the configuration the environment decides, then the system") {
  const char* before = std::getenv("SSL_CERT_FILE");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("SSL_CERT_FILE", "/some/bundle.pem", 1);
  CHECK(TlsTrust::default_file() == "/some/bundle.pem");
  ::unsetenv("SSL_CERT_FILE");
  CHECK(TlsTrust::default_file() == "/etc/ssl/certs/ca-certificates.crt");
  if (!kept.empty()) ::setenv("SSL_CERT_FILE", kept.c_str(), 1);
}

}  // namespace headrace::net::test
