// Goal: a certificate's names are read as its authority signed them, and nothing else is taken for
// one. Method: certificates made on the fly.
#include "net/peer_certificate.h"

#include <doctest/doctest.h>

#include "certificates.h"

namespace headrace::net {

using headrace_test::issue;
using headrace_test::Issued;

TEST_CASE("a certificate is its fingerprint and its alternative names") {
  const Issued one =
      issue({.subject = "cn.test",
             .alt_names = "DNS:One.Test,URI:spiffe://lab/One,IP:127.0.0.1,email:a@b"},
            nullptr);
  const PeerCertificate read = PeerCertificate::of(one.certificate.get());
  CHECK(read.names == std::vector<std::string>{"dns:one.test", "uri:spiffe://lab/One"});
  CHECK(read.fingerprint.size() == 7 + 64);
  CHECK(read.fingerprint.starts_with("sha256:"));
  CHECK(PeerCertificate::of(one.certificate.get()).fingerprint == read.fingerprint);
  const Issued other = issue({.subject = "cn.test", .alt_names = ""}, nullptr);
  CHECK(PeerCertificate::of(other.certificate.get()).fingerprint != read.fingerprint);
  CHECK(PeerCertificate::of(other.certificate.get()).names.empty());
}

TEST_CASE("a name with a NUL in it is none") {
  const Issued one =
      issue({.alt_names = "", .raw_dns_name = std::string("good.test\0.evil", 15)}, nullptr);
  CHECK(PeerCertificate::of(one.certificate.get()).names.empty());
}

TEST_CASE("names are bounded in number and in length") {
  std::string many = "URI:x:" + std::string(3000, 'a');
  for (int i = 0; i < 100; ++i) many += ",DNS:n" + std::to_string(i) + ".test";
  const Issued one = issue({.alt_names = many}, nullptr);
  const PeerCertificate read = PeerCertificate::of(one.certificate.get());
  CHECK(read.names.size() == 64);
  CHECK(read.names[0] == "dns:n0.test");
}

}  // namespace headrace::net
