// Goal: a place to listen with certificates speaks TLS on the terms that were written, or the
// configuration is refused by name. Method: files of a test's own.
#include "config/listen_tls.h"

#include <doctest/doctest.h>

#include "certificates.h"
#include "config/load.h"
#include "net/tls_server.h"

namespace headrace::config {
namespace {

using headrace_test::CertificateHouse;
using headrace_test::write_text;

LoadOutcome load_with(CertificateHouse& house, const std::string& listen) {
  const std::string file = house.dir.file("headrace.yaml");
  write_text(file,
             "listen:\n" + listen + "providers:\n  p: {base_url: \"http://127.0.0.1:9/v1\"}\n" +
                 "routes:\n  - {model: \"*\", targets: [p]}\n");
  return load(file, Environment{});
}

std::string faults_of(const LoadOutcome& outcome) {
  std::string text;
  for (const auto& fault : outcome.faults) text += fault.message + "\n";
  return text;
}

std::string pair(const CertificateHouse& house, const std::string& name) {
  return "      - {certificate: " + house.certificate(name) + ", key: " + house.key(name) + "}\n";
}

}  // namespace

TEST_CASE("terms are made where there are certificates, and nothing where there are none") {
  CertificateHouse house;
  house.write("a", {.alt_names = "DNS:a.test"});
  house.write("b", {.alt_names = "DNS:b.test"});
  const LoadOutcome outcome = load_with(
      house,
      "  - 127.0.0.1:1\n  - address: 127.0.0.1:2\n    tls_certificates:\n" + pair(house, "a") +
          pair(house, "b") + "    client_ca_file: " + house.authority_file() + "\n");
  CHECK(faults_of(outcome).empty());
  REQUIRE(outcome.ok());
  const auto& listen = outcome.snapshot->listen;
  CHECK(listen[0].tls == nullptr);
  REQUIRE(listen[1].tls != nullptr);
  CHECK(listen[1].tls->settings_for("b.test") != nullptr);
  CHECK(listen[1].tls->settings_for("b.test") != listen[1].tls->settings());
}

TEST_CASE("what a file of certificates lacks is a fault of the configuration, by place and name") {
  CertificateHouse house;
  house.write("a", {.alt_names = "DNS:a.test"});
  house.write("b", {.alt_names = "DNS:b.test"});
  const std::string begin = "  - address: 127.0.0.1:2\n    tls_certificates:\n";
  CHECK(faults_of(load_with(house, begin + pair(house, "none"))) ==
        "listen[0]: " + house.certificate("none") + " cannot be read: No such file or directory\n");
  CHECK(faults_of(load_with(house,
                            begin + "      - {certificate: " + house.certificate("a") +
                                ", key: " + house.key("b") + "}\n")) ==
        "listen[0]: " + house.key("b") + " is not the key of the certificate in " +
            house.certificate("a") + "\n");
  CHECK(faults_of(load_with(
            house, begin + pair(house, "a") + "    client_ca_file: " + house.key("a") + "\n")) ==
        "listen[0]: " + house.key("a") + " holds no certificate in PEM\n");
}

}  // namespace headrace::config
