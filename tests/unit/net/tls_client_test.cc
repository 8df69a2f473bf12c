// Goal: a server whose certificate is not good in every respect is refused, the reason is named,
// and not one byte of ours goes to it. Method: certificates made for each fault, a handshake
// between two engines, and a look at what the client had sent.
#include "net/tls_client.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "tls_pair.h"

namespace headrace::net::test {
namespace {

using base::Errc;

struct Refusal {
  Errc code = Errc::ok;
  std::string text;
};

// Tries to send a secret to a server with the certificate NAME; what the client says of it.
Refusal meet(const CertificateHouse& house,
             const std::string& name,
             const std::string& host = "good.test") {
  const auto client = make_client(house, {.host = host});
  const auto server = make_server(house, {name});
  Wire wire(*client, *server);
  const bool met = wire.shake_hands();
  if (met) return {};
  io::Slice nothing;
  CHECK(wire.server.read(nothing) != Outcome::done);  // application data never came
  // The client's last word is an alert, and there is no application data before it.
  CHECK(wire.server.shake_hands() == Outcome::failed);
  return {wire.client.failure(), std::string(wire.client.failure_text())};
}

}  // namespace

TEST_CASE("a good certificate is taken, by name, by wildcard and by address") {
  CertificateHouse house;
  house.write("good", {.alt_names = "DNS:good.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1"});
  for (const std::string host : {"good.test", "GOOD.test", "a.wild.test", "127.0.0.1", "::1"}) {
    CAPTURE(host);
    CHECK(meet(house, "good", host).code == Errc::ok);
  }
}

TEST_CASE("a certificate of the wrong time is refused by name") {
  CertificateHouse house;
  house.write("expired", {.begins = -7200, .ends = -3600});
  house.write("future", {.begins = 3600, .ends = 7200});
  const Refusal expired = meet(house, "expired");
  CHECK(expired.code == Errc::tls_untrusted);
  CHECK(expired.text == "certificate has expired");
  const Refusal future = meet(house, "future");
  CHECK(future.code == Errc::tls_untrusted);
  CHECK(future.text == "certificate is not yet valid");
}

TEST_CASE("a certificate of nobody we know is refused by name") {
  CertificateHouse house;
  const Issued stranger =
      headrace_test::issue({.subject = "somebody", .is_authority = true}, nullptr);
  house.write("self", headrace_test::issue({}, nullptr));
  house.write("unknown", {}, &stranger);
  house.write("chain", {}, &stranger, stranger.pem());
  CHECK(meet(house, "self").code == Errc::tls_untrusted);
  CHECK(meet(house, "self").text == "self signed certificate");
  CHECK(meet(house, "unknown").code == Errc::tls_untrusted);
  CHECK(meet(house, "unknown").text == "unable to get local issuer certificate");
  CHECK(meet(house, "chain").code == Errc::tls_untrusted);
  CHECK(meet(house, "chain").text == "self signed certificate in certificate chain");
}

TEST_CASE("a certificate that bears another name is refused") {
  CertificateHouse house;
  house.write("other", {.alt_names = "DNS:other.test"});
  house.write("common", {.subject = "good.test", .alt_names = ""});
  house.write("common_beside", {.subject = "good.test", .alt_names = "DNS:other.test"});
  house.write("address_as_name", {.alt_names = "DNS:127.0.0.1"});
  house.write("nul", {.raw_dns_name = std::string("good.test\0.evil.test", 20)});
  house.write("nul_end", {.raw_dns_name = std::string("good.test\0", 10)});
  for (const std::string name : {"other", "common", "common_beside", "nul", "nul_end"}) {
    CAPTURE(name);
    const Refusal refusal = meet(house, name);
    CHECK(refusal.code == Errc::tls_untrusted);
    CHECK(refusal.text == "Hostname mismatch");
  }
  const Refusal address = meet(house, "address_as_name", "127.0.0.1");
  CHECK(address.code == Errc::tls_untrusted);
  CHECK(address.text == "IP address mismatch");
}

TEST_CASE("a wildcard stands for one whole label, the first, and nothing else") {
  CertificateHouse house;
  house.write("wild", {.alt_names = "DNS:*.good.test"});
  CHECK(meet(house, "wild", "a.good.test").code == Errc::ok);
  for (const std::string host : {"good.test", "a.b.good.test", ".good.test", "good.test.evil"}) {
    CAPTURE(host);
    CHECK(meet(house, "wild", host).code == Errc::tls_untrusted);
  }
  house.write("part", {.alt_names = "DNS:a*.good.test"});
  house.write("middle", {.alt_names = "DNS:a.*.test"});
  house.write("all", {.alt_names = "DNS:*"});
  house.write("top", {.alt_names = "DNS:*.test"});
  CHECK(meet(house, "part", "ab.good.test").code == Errc::tls_untrusted);
  CHECK(meet(house, "middle", "a.good.test").code == Errc::tls_untrusted);
  CHECK(meet(house, "all", "test").code == Errc::tls_untrusted);
  CHECK(meet(house, "top", "good.test").code == Errc::tls_untrusted);
}

TEST_CASE("a certificate for another purpose is refused") {
  CertificateHouse house;
  house.write("client", {.usage = "clientAuth"});
  house.write("mail", {.usage = "emailProtection"});
  for (const std::string name : {"client", "mail"}) {
    CAPTURE(name);
    const Refusal refusal = meet(house, name);
    CHECK(refusal.code == Errc::tls_untrusted);
    CHECK(refusal.text == "unsupported certificate purpose");
  }
}

TEST_CASE("what an authority may not issue does not count") {
  CertificateHouse house;
  const Issued limited = headrace_test::issue(
      {.subject = "limited", .is_authority = true, .constraints = "permitted;DNS:elsewhere.test"},
      &house.authority);
  house.write("constrained", {}, &limited, limited.pem());
  const Refusal constrained = meet(house, "constrained");
  CHECK(constrained.code == Errc::tls_untrusted);
  CHECK(constrained.text == "permitted subtree violation");

  const Issued leaf = headrace_test::issue({.subject = "no authority"}, &house.authority);
  house.write("by_leaf", {}, &leaf, leaf.pem());
  const Refusal by_leaf = meet(house, "by_leaf");
  CHECK(by_leaf.code == Errc::tls_untrusted);
  CHECK(by_leaf.text == "invalid CA certificate");
}

TEST_CASE("a chain with a gap is refused, and taken once the gap is filled") {
  CertificateHouse house;
  const Issued between =
      headrace_test::issue({.subject = "between", .is_authority = true}, &house.authority);
  house.write("gap", {}, &between);
  house.write("whole", {}, &between, between.pem());
  const Refusal gap = meet(house, "gap");
  CHECK(gap.code == Errc::tls_untrusted);
  CHECK(gap.text == "unable to get local issuer certificate");
  CHECK(meet(house, "whole").code == Errc::ok);
}

TEST_CASE("a server of an older TLS is refused") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  const auto client = make_client(house);
  const auto server = make_server(house, {"good"});
  SSL_CTX_set_min_proto_version(server->settings(), TLS1_VERSION);
  for (const std::uint16_t version : {kTls10, kTls11, kTls12}) {
    CAPTURE(version);
    SSL_CTX_set_max_proto_version(server->settings(), version);
    Wire wire(*client, *server);
    CHECK(wire.shake_hands() == (version == kTls12));
  }
}

TEST_CASE("only the same terms have the same identity") {
  CertificateHouse house;
  CertificateHouse elsewhere;
  house.write("me", {.usage = "clientAuth"});
  const std::string plain = make_client(house)->identity();
  CHECK(make_client(house)->identity() == plain);
  CHECK(make_client(elsewhere)->identity() != plain);
  CHECK(make_client(house, {.host = "other.test"})->identity() != plain);
  CHECK(make_client(house, {.host = "good.test", .protocols = {"h2"}})->identity() != plain);
  CHECK(make_client(house,
                    {.host = "good.test",
                     .certificate_file = house.certificate("me"),
                     .key_file = house.key("me")})
            ->identity() != plain);
}

TEST_CASE("a client's own certificate that cannot be used is a fault that names the file") {
  CertificateHouse house;
  house.write("me", CertificatePlan{});
  house.write("you", CertificatePlan{});
  std::string fault;
  const auto trust = TlsTrust::load(house.authority_file(), fault);
  const auto make = [&](const std::string& certificate, const std::string& key) {
    fault.clear();
    return TlsClient::make(
        {.host = "good.test", .certificate_file = certificate, .key_file = key}, trust, fault);
  };
  CHECK(make(house.certificate("me"), house.key("me")) != nullptr);
  CHECK(make(house.certificate("me"), house.key("you")) == nullptr);
  CHECK(fault.find("is not the key of") != std::string::npos);
  CHECK(make(house.dir.file("none"), house.key("me")) == nullptr);
  CHECK(fault.find("cannot be read") != std::string::npos);
  CHECK(make(house.key("me"), house.key("me")) == nullptr);
  CHECK(fault.find("no usable certificate") != std::string::npos);
  CHECK(make(house.certificate("me"), house.certificate("me")) == nullptr);
  CHECK(fault.find("holds no key") != std::string::npos);
}

TEST_CASE("a list of protocols has each name behind its length") {
  CHECK(protocol_list({}).empty());
  CHECK(protocol_list({"h2", "http/1.1"}) == "\x02h2\x08http/1.1");
}

}  // namespace headrace::net::test
