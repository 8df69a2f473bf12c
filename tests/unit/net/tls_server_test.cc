// Goal: the right certificate for the name a client asks for, and no client without one where they
// are asked for. Method: two engines wire to wire.
#include "net/tls_server.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "tls_pair.h"
#include "tls_text.h"

namespace headrace::net::test {

using base::Errc;

TEST_CASE("a client gets the certificate that bears the name it asks for") {
  CertificateHouse house;
  house.write("a", {.alt_names = "DNS:a.test"});
  house.write("b", {.alt_names = "DNS:b.test,DNS:*.b.test"});
  const auto server = make_server(house, {"a", "b"});
  for (const std::string host : {"a.test", "b.test", "x.b.test", "B.test"}) {
    CAPTURE(host);
    const auto client = make_client(house, {.host = host});
    Wire wire(*client, *server);
    CHECK(wire.shake_hands());
  }
  CHECK(server->settings_for("a.test") == server->settings());
  CHECK(server->settings_for("b.test") != server->settings());
  CHECK(server->settings_for("c.test") == nullptr);
  // Who asks for a name that nobody bears is shown the first, and refuses it.
  const auto client = make_client(house, {.host = "c.test"});
  Wire wire(*client, *server);
  CHECK_FALSE(wire.shake_hands());
  CHECK(wire.client.failure_text() == "Hostname mismatch");
}

TEST_CASE(
    "a connection goes on on the terms that it began with, though a reload has dropped them") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  const auto client = make_client(house, {.host = "good.test", .protocols = {"http/1.1"}});
  auto server = make_server(house, {"good"}, {.protocols = {"http/1.1"}});
  Wire wire(*client, *server);
  server.reset();
  CHECK(wire.shake_hands());
  CHECK(wire.server.protocol() == "http/1.1");
}

TEST_CASE("where clients must show a certificate, one without or with a strange one is refused") {
  CertificateHouse house;
  CertificateHouse elsewhere;
  house.write("good", CertificatePlan{});
  house.write("me", {.usage = "clientAuth"});
  house.write("server", {.usage = "serverAuth"});
  elsewhere.write("me", {.usage = "clientAuth"});
  const auto server = make_server(house, {"good"}, {.client_ca_file = house.authority_file()});
  const auto meet = [&](const std::string& certificate, const std::string& key) {
    const auto client =
        make_client(house, {.host = "good.test", .certificate_file = certificate, .key_file = key});
    Wire wire(*client, *server);
    // With TLS 1.3 the client is through before the server has looked.
    wire.shake_hands();
    return wire.server.failure();
  };
  CHECK(meet(house.certificate("me"), house.key("me")) == Errc::ok);
  CHECK(meet("", "") == Errc::tls_untrusted);
  CHECK(meet(elsewhere.certificate("me"), elsewhere.key("me")) == Errc::tls_untrusted);
  CHECK(meet(house.certificate("server"), house.key("server")) == Errc::tls_untrusted);
}

TEST_CASE("a ticket is good for the authorities that its client was held against, not their path") {
  CertificateHouse house;
  CertificateHouse elsewhere;
  house.write("good", CertificatePlan{});
  house.write("me", {.usage = "clientAuth"});
  const auto client = make_client(house,
                                  {.host = "good.test",
                                   .certificate_file = house.certificate("me"),
                                   .key_file = house.key("me")});
  const std::string path = house.dir.file("clients.pem");
  TlsSessions tickets;
  // With ticket keys that are the same everywhere, which ours never are.
  const auto resumes = [&](const std::string& file, const std::string& authorities) {
    headrace_test::write_text(file, authorities);
    const auto server = make_server(house, {"good"}, {.client_ca_file = file});
    const std::string keys(48, 'k');
    REQUIRE(SSL_CTX_set_tlsext_ticket_keys(server->settings(), keys.data(), keys.size()) == 1);
    Wire wire(*client, *server, &tickets);
    REQUIRE(wire.shake_hands());
    REQUIRE(headrace_test::write_text(wire.server, "x"));  // tickets leave with the first bytes
    wire.exchange();
    CHECK(wire.read(wire.client) == "x");
    return wire.server.resumed();
  };
  const std::string one = house.authority.pem();
  CHECK_FALSE(resumes(path, one));
  CHECK(resumes(path, one));
  CHECK(resumes(house.dir.file("moved.pem"), one));
  CHECK_FALSE(resumes(path, one + elsewhere.authority.pem()));
}

TEST_CASE("new terms have new ticket keys: the next connection is a full handshake") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  const auto client = make_client(house);
  TlsSessions tickets;
  for (int i = 0; i < 2; ++i) {
    const auto server = make_server(house, {"good"});
    Wire wire(*client, *server, &tickets);
    REQUIRE(wire.shake_hands());
    CHECK_FALSE(wire.server.resumed());
    REQUIRE(headrace_test::write_text(wire.server, "x"));
    wire.exchange();
    CHECK(wire.read(wire.client) == "x");
    CHECK(tickets.count() != 0);
  }
}

TEST_CASE("a server's certificate that cannot be used is a fault that names the file") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  std::string fault;
  CHECK(TlsServer::make({.certificates = {{house.dir.file("none"), house.key("good")}}}, fault) ==
        nullptr);
  CHECK(fault.find("none cannot be read") != std::string::npos);
  CHECK(TlsServer::make({.certificates = {{house.certificate("good"), house.key("good")}},
                         .client_ca_file = house.key("good")},
                        fault) == nullptr);
  CHECK(fault.find("holds no certificate") != std::string::npos);
}

}  // namespace headrace::net::test
