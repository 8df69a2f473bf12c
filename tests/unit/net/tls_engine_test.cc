// Goal: what goes in at one end comes out at the other, however the bytes between are cut; bytes
// that are no TLS, or TLS that somebody touched, end the connection and never come out. Method: two
// engines wire to wire.
#include "net/tls_engine.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "base/limits.h"
#include "base/prng.h"
#include "io/receive_pool.h"
#include "tls_pair.h"
#include "tls_text.h"

namespace headrace::net::test {
namespace {

using base::Errc;

struct Party {
  explicit Party(TlsClientOptions client_options = {.host = "good.test"},
                 TlsServerOptions server_options = {}) {
    house.write("good", CertificatePlan{});
    client = make_client(house, std::move(client_options));
    server = make_server(house, {"good"}, std::move(server_options));
  }
  CertificateHouse house;
  std::shared_ptr<const TlsClient> client;
  std::shared_ptr<const TlsServer> server;
};

std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

}  // namespace

TEST_CASE("text of any size comes through, in records of at most 16 KiB") {
  Party party;
  Wire wire(*party.client, *party.server);
  REQUIRE(wire.shake_hands());
  for (const std::size_t size : {1u, 200u, 16384u, 16385u, 100'000u}) {
    CAPTURE(size);
    const std::string text = text_of(size);
    wire.from_client.clear();
    REQUIRE(headrace_test::write_text(wire.client, text));
    wire.exchange();
    CHECK(wire.read(wire.server) == text);
    const std::size_t records =
        (size + base::limits::kTlsRecordBytes - 1) / base::limits::kTlsRecordBytes;
    CHECK(wire.from_client.size() == size + 22 * records);
    REQUIRE(headrace_test::write_text(wire.server, text));
    wire.exchange();
    CHECK(wire.read(wire.client) == text);
  }
}

TEST_CASE("a handshake and text come through cut at every byte") {
  Party party;
  for (const std::uint16_t version : {kTls12, kTls13}) {
    SSL_CTX_set_max_proto_version(party.server->settings(), version);
    // One byte at a time, each way: every place is a cut.
    Wire wire(*party.client, *party.server);
    Outcome at_client = wire.client.shake_hands();
    Outcome at_server = Outcome::more;
    while (at_client != Outcome::done || at_server != Outcome::done) {
      const std::string there = wire.take(wire.client);
      const std::string back = wire.take(wire.server);
      REQUIRE(there.size() + back.size() != 0);
      for (const char byte : there) {
        REQUIRE(at_server != Outcome::failed);
        wire.give(wire.server, {&byte, 1});
        if (at_server != Outcome::done) at_server = wire.server.shake_hands();
      }
      for (const char byte : back) {
        REQUIRE(at_client != Outcome::failed);
        wire.give(wire.client, {&byte, 1});
        if (at_client != Outcome::done) at_client = wire.client.shake_hands();
      }
    }
    REQUIRE(headrace_test::write_text(wire.client, "hello, hello"));
    std::string heard;
    for (const char byte : wire.take(wire.client)) {
      wire.give(wire.server, {&byte, 1});
      heard += wire.read(wire.server);
    }
    CHECK(heard == "hello, hello");
  }
}

TEST_CASE("several records that came together come out as one piece with room around it") {
  Party party;
  Wire wire(*party.client, *party.server);
  REQUIRE(wire.shake_hands());
  for (int i = 0; i < 3; ++i) REQUIRE(headrace_test::write_text(wire.server, "data: x\n\n"));
  wire.exchange();
  io::Slice piece;
  REQUIRE(wire.client.read(piece) == Outcome::done);
  CHECK(piece.view() == "data: x\n\ndata: x\n\ndata: x\n\n");
  CHECK(piece.headroom() >= io::ReceivePool::kHeadMargin);
  CHECK(piece.tailroom() >= io::ReceivePool::kTailMargin);
}

TEST_CASE("both sides agree on a protocol, and refuse when there is none") {
  Party both({.host = "good.test", .protocols = {"h2", "http/1.1"}}, {.protocols = {"http/1.1"}});
  Wire wire(*both.client, *both.server);
  REQUIRE(wire.shake_hands());
  CHECK(wire.client.protocol() == "http/1.1");
  CHECK(wire.server.protocol() == "http/1.1");

  Party silent({.host = "good.test"}, {.protocols = {"h2"}});
  Wire quiet(*silent.client, *silent.server);
  REQUIRE(quiet.shake_hands());
  CHECK(quiet.client.protocol().empty());

  Party apart({.host = "good.test", .protocols = {"h2"}}, {.protocols = {"http/1.1"}});
  Wire none(*apart.client, *apart.server);
  CHECK_FALSE(none.shake_hands());
}

TEST_CASE("a second connection builds on the ticket of the first") {
  Party party;
  for (const std::uint16_t version : {kTls12, kTls13}) {
    CAPTURE(version);
    SSL_CTX_set_max_proto_version(party.server->settings(), version);
    TlsSessions tickets;
    for (int i = 0; i < 3; ++i) {
      Wire wire(*party.client, *party.server, &tickets);
      REQUIRE(wire.shake_hands());
      REQUIRE(headrace_test::write_text(wire.server, "x"));  // tickets leave with the first bytes
      wire.exchange();
      CHECK(wire.read(wire.client) == "x");
      CHECK(wire.client.resumed() == (i != 0));
      CHECK(wire.server.resumed() == (i != 0));
      CHECK(tickets.count() != 0);
    }
  }
}

TEST_CASE("a ticket never allows data before the handshake") {
  Party party;
  TlsSessions tickets;
  Wire first(*party.client, *party.server, &tickets);
  REQUIRE(first.shake_hands());
  REQUIRE(headrace_test::write_text(first.server, "x"));
  first.exchange();
  CHECK(first.read(first.client) == "x");
  REQUIRE(tickets.count() != 0);
  SSL_SESSION* ticket = tickets.take();
  CHECK(SSL_SESSION_early_data_capable(ticket) == 0);
  SSL_SESSION_free(ticket);
}

TEST_CASE("a byte changed on the way is noticed, wherever it was") {
  Party party;
  for (std::size_t place = 0; place < 5 + 12 + 17; ++place) {
    CAPTURE(place);
    Wire wire(*party.client, *party.server);
    REQUIRE(wire.shake_hands());
    REQUIRE(headrace_test::write_text(wire.client, "hello, hello"));
    std::string bytes = wire.take(wire.client);
    REQUIRE(bytes.size() == 5 + 12 + 17);
    bytes[place] = static_cast<char>(bytes[place] ^ 1);
    wire.give(wire.server, bytes);
    wire.give(wire.server, std::string(20'000, '\x17'));  // a length may promise more
    CHECK(wire.read(wire.server).empty());
    CHECK(wire.last == Outcome::failed);
    CHECK(wire.server.failure() == Errc::tls_failed);
    CHECK_FALSE(wire.server.failure_text().empty());
  }
}

TEST_CASE("what is no TLS fails the handshake on either side, whatever it is") {
  Party party;
  const std::string http = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
  const std::string zeros(100'000, '\0');
  const std::string alert("\x15\x03\x01\x00\x02\x02\x28", 7);
  const std::string endless("\x16\x03\x03\x40\x00\x02\xff\xff\xff", 9);
  for (const std::string& bytes : {http, zeros, alert, endless}) {
    Wire wire(*party.client, *party.server);
    CHECK(wire.client.shake_hands() == Outcome::more);
    wire.give(wire.client, bytes);
    wire.give(wire.client, std::string(16380, 'x'));
    CHECK(wire.client.shake_hands() == Outcome::failed);
    CHECK(wire.client.failure() == Errc::tls_failed);
    wire.give(wire.server, bytes);
    wire.give(wire.server, std::string(16380, 'x'));
    CHECK(wire.server.shake_hands() == Outcome::failed);
  }
}

TEST_CASE("random bytes at any moment never come out as text") {
  Party party;
  base::Prng random(7);
  for (int i = 0; i < 300; ++i) {
    Wire wire(*party.client, *party.server);
    const bool shaken = random.below(2) == 0;
    if (shaken) REQUIRE(wire.shake_hands());
    std::string noise(1 + random.below(2000), '\0');
    for (char& byte : noise) byte = static_cast<char>(random.below(256));
    if (random.below(2) == 0)
      noise.replace(0, 3, random.below(2) == 0 ? "\x17\x03\x03" : "\x16\x03\x03");
    wire.give(wire.client, noise);
    if (shaken) {
      CHECK(wire.read(wire.client).empty());
    } else {
      CHECK(wire.client.shake_hands() != Outcome::done);
    }
  }
}

TEST_CASE("the end is told apart from silence, and what came before it is read first") {
  Party party;
  Wire wire(*party.client, *party.server);
  REQUIRE(wire.shake_hands());
  REQUIRE(headrace_test::write_text(wire.server, "last words"));
  wire.server.end();
  wire.exchange();
  CHECK(wire.read(wire.client) == "last words");
  CHECK(wire.last == Outcome::ended);
  // The other half is still open.
  REQUIRE(headrace_test::write_text(wire.client, "thanks"));
  wire.exchange();
  CHECK(wire.read(wire.server) == "thanks");
  CHECK(wire.last == Outcome::more);
}

TEST_CASE("a record that was read and dropped leaves no block behind") {
  Party party;
  Wire wire(*party.client, *party.server);
  REQUIRE(wire.shake_hands());
  std::size_t before = 0;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(headrace_test::write_text(wire.server, "data: x\n\n"));
    wire.give(wire.client, wire.take(wire.server));
    io::Slice piece;
    CHECK(wire.client.read(piece) == Outcome::done);
    piece.reset();
    if (i == 5) before = wire.blocks.blocks_out();
  }
  CHECK(wire.blocks.blocks_out() == before);
}

}  // namespace headrace::net::test
