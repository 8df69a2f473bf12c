// Goal: no session outlives the certificates that it rests on, at either end, with either version
// of TLS, however often it is renewed. Method: two engines wire to wire, and the library's own
// clock, which the test sets at the end that must not resume.
#include "net/tls_expiry.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <ctime>

#include "tls_pair.h"
#include "tls_text.h"

namespace headrace::net::test {

using base::Errc;

namespace {

std::time_t seconds_ahead = 0;

void tell_time(const SSL*, timeval* now) {
  *now = {.tv_sec = std::time(nullptr) + seconds_ahead, .tv_usec = 0};
}

struct Party {
  Party(const CertificateHouse& house, const std::string& server_name, std::uint16_t version)
      : server(make_server(house, {server_name}, {.client_ca_file = house.authority_file()})),
        client(make_client(house,
                           {.host = "good.test",
                            .certificate_file = house.certificate("me"),
                            .key_file = house.key("me")})) {
    seconds_ahead = 0;
    SSL_CTX_set_max_proto_version(server->settings(), version);
  }

  void let_pass(SSL_CTX* at, std::time_t seconds) {
    SSL_CTX_set_current_time_cb(at, tell_time);
    seconds_ahead = seconds;
  }

  // The next connection, with the tickets of those before: does it resume?
  bool resumes() {
    Wire wire(*client, *server, &tickets);
    REQUIRE(wire.shake_hands());
    REQUIRE(headrace_test::write_text(wire.server, "x"));  // tickets leave with the first bytes
    wire.exchange();
    CHECK(wire.read(wire.client) == "x");
    CHECK(wire.client.resumed() == wire.server.resumed());
    CHECK((wire.server.peer_certificate() != nullptr));
    return wire.server.resumed();
  }

  TlsSessions tickets;
  std::shared_ptr<const TlsServer> server;
  std::shared_ptr<const TlsClient> client;
};

constexpr long kMinute = 60;

}  // namespace

TEST_CASE("a client's session ends with its certificate, and a full handshake follows") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  house.write("me", {.usage = "clientAuth", .ends = 10 * kMinute});
  for (const std::uint16_t version : {kTls12, kTls13}) {
    CAPTURE(version);
    Party party(house, "good", version);
    CHECK_FALSE(party.resumes());
    CHECK(party.resumes());
    party.let_pass(party.server->settings(), 9 * kMinute);
    CHECK(party.resumes());  // what this renews has a minute left, not an hour
    party.let_pass(party.server->settings(), 10 * kMinute);
    CHECK_FALSE(party.resumes());
  }
}

TEST_CASE("a client whose certificate expired since its first handshake is refused") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  house.write("me", {.usage = "clientAuth", .ends = 10 * kMinute});
  for (const std::uint16_t version : {kTls12, kTls13}) {
    CAPTURE(version);
    Party party(house, "good", version);
    CHECK_FALSE(party.resumes());
    party.let_pass(party.server->settings(), 11 * kMinute);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(party.server->settings()),
                               std::time(nullptr) + 11 * kMinute);
    Wire wire(*party.client, *party.server, &party.tickets);
    wire.shake_hands();  // with TLS 1.3 the client is through before the server has looked
    CHECK(wire.server.failure() == Errc::tls_untrusted);
    CHECK(wire.server.failure_text() == "certificate has expired");
  }
}

TEST_CASE("the authority that expires first ends a session, though the certificate is good") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  const Issued between =
      issue({.subject = "headrace between", .is_authority = true, .ends = 10 * kMinute},
            &house.authority);
  house.write("me", {.usage = "clientAuth"}, &between, between.pem());
  Party party(house, "good", kTls13);
  CHECK_FALSE(party.resumes());
  party.let_pass(party.server->settings(), 9 * kMinute);
  CHECK(party.resumes());
  party.let_pass(party.server->settings(), 10 * kMinute);
  CHECK_FALSE(party.resumes());
}

TEST_CASE("a client's session that is renewed again and again ends after an hour") {
  CertificateHouse house;
  house.write("good", CertificatePlan{});
  house.write("me", {.usage = "clientAuth"});
  for (const std::uint16_t version : {kTls12, kTls13}) {
    CAPTURE(version);
    Party party(house, "good", version);
    CHECK_FALSE(party.resumes());
    for (int i = 1; i <= 5; ++i) {
      party.let_pass(party.server->settings(), 10 * kMinute * i);
      CHECK(party.resumes());
    }
    party.let_pass(party.server->settings(), 60 * kMinute + 1);
    CHECK_FALSE(party.resumes());
  }
}

TEST_CASE("a session with a server ends with the server's certificate") {
  CertificateHouse house;
  house.write("good", {.ends = 10 * kMinute});
  house.write("me", {.usage = "clientAuth"});
  for (const std::uint16_t version : {kTls12, kTls13}) {
    CAPTURE(version);
    Party party(house, "good", version);
    CHECK_FALSE(party.resumes());
    party.let_pass(party.client->settings(), 9 * kMinute);
    CHECK(party.resumes());
    party.let_pass(party.client->settings(), 10 * kMinute);
    CHECK_FALSE(party.resumes());
  }
}

}  // namespace headrace::net::test
