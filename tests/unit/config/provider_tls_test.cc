// Goal: whoever is configured with https can be connected to on the terms that were written, or the
// configuration is refused by name. Method: files of a test's own.
#include "config/provider_tls.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "certificates.h"
#include "config/load.h"
#include "net/tls_client.h"

namespace headrace::config {
namespace {

using headrace_test::CertificateHouse;
using headrace_test::write_text;

// Everything that is wrong with a provider of these keys.
std::string faults_of(CertificateHouse& house, const std::string& keys) {
  const std::string file = house.dir.file("headrace.yaml");
  write_text(file,
             "providers:\n  p:\n    base_url: https://good.test/v1\n" + keys +
                 "routes:\n  - {model: \"*\", targets: [p]}\n");
  const LoadOutcome outcome = load(file, Environment{});
  std::string text;
  for (const auto& fault : outcome.faults) text += fault.message + "\n";
  return text;
}

}  // namespace

TEST_CASE("terms are made for https, and nothing for http") {
  CertificateHouse house;
  Snapshot snapshot;
  snapshot.providers.resize(3);
  for (Provider& provider : snapshot.providers) {
    provider.scheme = "https";
    provider.host = "good.test";
    provider.ca_file = house.authority_file();
  }
  snapshot.providers[1].host = "127.0.0.1";
  snapshot.providers[2].scheme = "http";
  CHECK(load_provider_tls(snapshot).empty());
  REQUIRE(snapshot.providers[0].tls != nullptr);
  REQUIRE(snapshot.providers[1].tls != nullptr);
  CHECK(snapshot.providers[0].tls->server_name() == "good.test");
  CHECK(snapshot.providers[1].tls->server_name().empty());
  CHECK(snapshot.providers[2].tls == nullptr);
}

TEST_CASE("a file that cannot be used is a fault of the configuration, by name") {
  CertificateHouse house;
  house.write("me", headrace_test::CertificatePlan{.usage = "clientAuth"});
  const std::string ca = "    ca_file: " + house.authority_file() + "\n";
  CHECK(faults_of(house, ca).empty());
  CHECK(faults_of(house, "    ca_file: /nowhere\n") ==
        "providers.p.ca_file: /nowhere cannot be read: No such file or directory\n");
  const std::string certificate = "    tls_certificate: " + house.certificate("me") + "\n";
  CHECK(faults_of(house, ca + certificate + "    tls_key: " + house.key("me") + "\n").empty());
  CHECK(faults_of(house, ca + certificate + "    tls_key: /nowhere\n") ==
        "providers.p.tls_certificate: /nowhere cannot be read: No such file or directory\n");
}

}  // namespace headrace::config
