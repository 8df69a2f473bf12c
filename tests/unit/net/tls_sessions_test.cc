// Goal: few tickets, the newest first, each used once. Method: sessions of the library by hand.
#include "net/tls_sessions.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

namespace headrace::net::test {
namespace {

// The library counts sessions of TLS 1.3 as single use.
SSL_SESSION* make_session(const SSL_CTX* settings, std::uint16_t version) {
  SSL_SESSION* session = SSL_SESSION_new(settings);
  REQUIRE(SSL_SESSION_set_protocol_version(session, version) == 1);
  return session;
}

}  // namespace

TEST_CASE("the newest ticket is taken first, and once") {
  const bssl::UniquePtr<SSL_CTX> settings(SSL_CTX_new(TLS_method()));
  TlsSessions tickets;
  CHECK(tickets.take() == nullptr);
  SSL_SESSION* first = make_session(settings.get(), TLS1_3_VERSION);
  SSL_SESSION* second = make_session(settings.get(), TLS1_3_VERSION);
  tickets.keep(first);
  tickets.keep(second);
  SSL_SESSION* taken = tickets.take();
  CHECK(taken == second);
  SSL_SESSION_free(taken);
  CHECK(tickets.count() == 1);
}

TEST_CASE("a session of TLS 1.2 is good until a newer one comes") {
  const bssl::UniquePtr<SSL_CTX> settings(SSL_CTX_new(TLS_method()));
  TlsSessions tickets;
  tickets.keep(make_session(settings.get(), TLS1_2_VERSION));
  for (int i = 0; i < 3; ++i) SSL_SESSION_free(tickets.take());
  CHECK(tickets.count() == 1);
}

TEST_CASE("more tickets than the bound push out the oldest") {
  const bssl::UniquePtr<SSL_CTX> settings(SSL_CTX_new(TLS_method()));
  TlsSessions tickets;
  for (std::size_t i = 0; i < base::limits::kTlsTickets + 3; ++i)
    tickets.keep(make_session(settings.get(), TLS1_3_VERSION));
  CHECK(tickets.count() == base::limits::kTlsTickets);
}

}  // namespace headrace::net::test
