// Goal: behind the handshake, where our records take over from the library's (TlsEngine with
// TlsRecords), a peer notices nothing: text, new keys, tickets and ends, in both roles. Method: an
// engine against the library itself, in memory.
#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/limits.h"
#include "net/tls_engine.h"
#include "net/tls_key.h"
#include "tls_pair.h"
#include "tls_text.h"

namespace headrace::net::test {
namespace {

constexpr int kAes256Curve = NID_CECPQ2;  // the library takes AES-256 with it, by itself

// The library's own connection, as client or as server.
class Peer {
 public:
  Peer(SSL_CTX* settings, bool is_server) : ssl_(SSL_new(settings)) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
    if (is_server) {
      SSL_set_accept_state(ssl_.get());
    } else {
      SSL_set_connect_state(ssl_.get());
    }
  }

  SSL* ssl() { return ssl_.get(); }
  void receive(std::string_view bytes) {
    BIO_write(SSL_get_rbio(ssl()), bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string take() {
    const std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    BIO_mem_contents(SSL_get_wbio(ssl()), &bytes, &size);
    std::string taken(reinterpret_cast<const char*>(bytes), size);
    BIO_reset(SSL_get_wbio(ssl()));
    return taken;
  }
  void say(std::string_view text) {
    const int written = SSL_write(ssl(), text.data(), static_cast<int>(text.size()));
    CHECK(written == static_cast<int>(text.size()));
  }
  std::string read() {
    std::string text;
    std::array<char, 4096> part{};
    for (;;) {
      const int count = SSL_read(ssl(), part.data(), part.size());
      error = SSL_get_error(ssl(), count);
      if (count <= 0) return text;
      text.append(part.data(), static_cast<std::size_t>(count));
    }
  }
  int error = SSL_ERROR_NONE;

 private:
  bssl::UniquePtr<SSL> ssl_;
};

// An engine, and the library at the other end.
struct Meeting {
  explicit Meeting(bool engine_is_server, int curve = 0) : engine_serves(engine_is_server) {
    house.write("good", CertificatePlan{});
    client_terms = make_client(house);
    server_terms = make_server(house, {"good"});
    plain_client.reset(SSL_CTX_new(TLS_method()));
    if (curve == 0) return;
    for (SSL_CTX* each : {client_terms->settings(), server_terms->settings(), plain_client.get()})
      REQUIRE(SSL_CTX_set1_curves(each, &curve, 1) == 1);
  }

  void meet() {
    if (engine_serves) {
      engine = std::make_unique<TlsEngine>(blocks, *server_terms);
      peer = std::make_unique<Peer>(plain_client.get(), false);
    } else {
      engine = std::make_unique<TlsEngine>(blocks, *client_terms, &tickets);
      peer = std::make_unique<Peer>(server_terms->settings(), true);
    }
    bool shaken = false;
    for (int i = 0; i < 5; ++i) {
      if (!shaken) shaken = engine->shake_hands() == Outcome::done;
      peer->receive(take());
      SSL_do_handshake(peer->ssl());
      give(peer->take());
    }
    REQUIRE(shaken);
    REQUIRE(SSL_in_init(peer->ssl()) == 0);
  }

  std::string take() {
    std::string bytes;
    while (!engine->output().empty()) bytes += engine->output().pop().view();
    return bytes;
  }
  void give(std::string_view bytes) {
    if (!bytes.empty()) engine->feed(blocks.copy_of(bytes));
  }
  std::string read() {
    std::string text;
    for (;;) {
      io::Slice slice;
      last = engine->read(slice);
      if (last != Outcome::done) return text;
      text += slice.view();
    }
  }
  // Text each way.
  void talk() {
    peer->say("to the engine");
    give(peer->take());
    CHECK(read() == "to the engine");
    CHECK(last == Outcome::more);
    REQUIRE(headrace_test::write_text(*engine, "to the peer"));
    peer->receive(take());
    CHECK(peer->read() == "to the peer");
    CHECK(peer->error == SSL_ERROR_WANT_READ);
  }

  const bool engine_serves;
  CertificateHouse house;
  io::BlockPool blocks;
  TlsSessions tickets;
  std::shared_ptr<const TlsClient> client_terms;
  std::shared_ptr<const TlsServer> server_terms;
  bssl::UniquePtr<SSL_CTX> plain_client;
  std::unique_ptr<TlsEngine> engine;
  std::unique_ptr<Peer> peer;
  Outcome last = Outcome::more;
};

}  // namespace

TEST_CASE("an engine and the library understand each other, in both roles and suites") {
  for (const bool serves : {false, true}) {
    for (const int curve : {0, kAes256Curve}) {
      CAPTURE(serves);
      CAPTURE(curve);
      Meeting meeting(serves, curve);
      meeting.meet();
      const SSL_CIPHER* cipher = SSL_get_current_cipher(meeting.peer->ssl());
      CHECK(std::string_view(SSL_CIPHER_get_name(cipher)) ==
            (curve == 0 ? "TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384"));
      for (int i = 0; i < 3; ++i) meeting.talk();
      const std::string much(100'000, 'x');
      REQUIRE(headrace_test::write_text(*meeting.engine, much));
      meeting.peer->receive(meeting.take());
      CHECK(meeting.peer->read() == much);
      meeting.peer->say(much);
      meeting.give(meeting.peer->take());
      CHECK(meeting.read() == much);
    }
  }
}

TEST_CASE("new keys of the library are taken and answered, again and again") {
  for (const bool serves : {false, true}) {
    for (const int curve : {0, kAes256Curve}) {
      for (const int request : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
        CAPTURE(serves);
        CAPTURE(request);
        Meeting meeting(serves, curve);
        meeting.meet();
        for (int i = 0; i < 5; ++i) {
          REQUIRE(SSL_key_update(meeting.peer->ssl(), request) == 1);
          meeting.talk();
          meeting.talk();
        }
      }
    }
  }
}

TEST_CASE("new keys before anything was said") {
  Meeting meeting(true);
  meeting.meet();
  REQUIRE(SSL_key_update(meeting.peer->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
  CHECK(SSL_write(meeting.peer->ssl(), "", 0) == 0);
  meeting.give(meeting.peer->take());
  CHECK(meeting.read().empty());
  CHECK(meeting.last == Outcome::more);
  meeting.talk();
}

TEST_CASE("tickets are kept behind new keys too, and the next connection builds on them") {
  for (const bool renews : {false, true}) {
    Meeting meeting(false);
    for (int i = 0; i < 3; ++i) {
      CAPTURE(i);
      meeting.meet();
      CHECK(meeting.engine->resumed() == (i != 0));
      if (renews) {  // before the tickets, which leave with the first text
        REQUIRE(SSL_key_update(meeting.peer->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
      }
      meeting.talk();
      CHECK(meeting.tickets.count() != 0);
    }
  }
}

TEST_CASE("a server's tickets leave with its first text, and are good") {
  Meeting meeting(true);
  SSL_CTX_set_session_cache_mode(meeting.plain_client.get(), SSL_SESS_CACHE_CLIENT);
  static bssl::UniquePtr<SSL_SESSION> kept;
  SSL_CTX_sess_set_new_cb(meeting.plain_client.get(), [](SSL*, SSL_SESSION* session) {
    kept.reset(session);
    return 1;
  });
  meeting.meet();
  CHECK(meeting.take().empty());
  meeting.talk();
  REQUIRE(kept != nullptr);
  const bssl::UniquePtr<SSL_SESSION> first = std::move(kept);
  meeting.engine = std::make_unique<TlsEngine>(meeting.blocks, *meeting.server_terms);
  meeting.peer = std::make_unique<Peer>(meeting.plain_client.get(), false);
  SSL_set_session(meeting.peer->ssl(), first.get());
  for (int i = 0; i < 4; ++i) {
    SSL_do_handshake(meeting.peer->ssl());
    meeting.give(meeting.peer->take());
    if (meeting.engine->shake_hands() == Outcome::done) break;
    meeting.peer->receive(meeting.take());
  }
  CHECK(meeting.engine->resumed());
  kept.reset();
}

TEST_CASE("text that came in one slice with the last step of the handshake is read") {
  Meeting meeting(true);
  meeting.engine = std::make_unique<TlsEngine>(meeting.blocks, *meeting.server_terms);
  meeting.peer = std::make_unique<Peer>(meeting.plain_client.get(), false);
  SSL_do_handshake(meeting.peer->ssl());
  meeting.give(meeting.peer->take());
  CHECK(meeting.engine->shake_hands() == Outcome::more);
  meeting.peer->receive(meeting.take());
  CHECK(SSL_do_handshake(meeting.peer->ssl()) == 1);
  meeting.peer->say("at once");
  const std::string flight = meeting.peer->take();
  meeting.give(flight.substr(0, flight.size() - 3));
  CHECK(meeting.engine->shake_hands() == Outcome::done);
  CHECK(meeting.read().empty());
  meeting.give(flight.substr(flight.size() - 3));
  CHECK(meeting.read() == "at once");
}

TEST_CASE("an end is heard on both sides, with text in the other half behind it") {
  for (const bool serves : {false, true}) {
    Meeting meeting(serves);
    meeting.meet();
    SSL_shutdown(meeting.peer->ssl());
    meeting.give(meeting.peer->take());
    CHECK(meeting.read().empty());
    CHECK(meeting.last == Outcome::ended);
    REQUIRE(headrace_test::write_text(*meeting.engine, "thanks"));
    meeting.engine->end();
    meeting.peer->receive(meeting.take());
    CHECK(meeting.peer->read() == "thanks");
    CHECK(meeting.peer->error == SSL_ERROR_ZERO_RETURN);
  }
}

TEST_CASE("an end before anything was said is heard") {
  for (const bool serves : {false, true}) {
    Meeting meeting(serves);
    meeting.meet();
    meeting.engine->end();
    meeting.peer->receive(meeting.take());
    CHECK(meeting.peer->read().empty());
    CHECK(meeting.peer->error == SSL_ERROR_ZERO_RETURN);
  }
}

TEST_CASE("a fatal alert of the peer is called as the library calls it") {
  for (const bool serves : {false, true}) {
    Meeting meeting(serves);
    meeting.meet();
    SSL_send_fatal_alert(meeting.peer->ssl(), SSL_AD_INTERNAL_ERROR);
    meeting.give(meeting.peer->take());
    CHECK(meeting.read().empty());
    CHECK(meeting.last == Outcome::failed);
    CHECK(meeting.engine->failure() == base::Errc::tls_failed);
    CHECK(meeting.engine->failure_text() == "TLSV1_ALERT_INTERNAL_ERROR");
    CHECK(meeting.take().empty());
  }
}

TEST_CASE("a record that somebody touched is answered with its alert, which the library reads") {
  for (const bool serves : {false, true}) {
    for (const bool said : {false, true}) {
      Meeting meeting(serves);
      meeting.meet();
      if (said) meeting.talk();
      meeting.peer->say("hello");
      std::string bytes = meeting.peer->take();
      bytes.back() = static_cast<char>(bytes.back() ^ 1);
      meeting.give(bytes);
      CHECK(meeting.read().empty());
      CHECK(meeting.last == Outcome::failed);
      CHECK(meeting.engine->failure_text() == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
      meeting.peer->receive(meeting.take());
      CHECK(meeting.peer->read().empty());
      CHECK(meeting.peer->error == SSL_ERROR_SSL);
      CHECK(ERR_GET_REASON(ERR_peek_last_error()) == SSL_AD_REASON_OFFSET + SSL_AD_BAD_RECORD_MAC);
      ERR_clear_error();
    }
  }
}

TEST_CASE("a ticket that is none fails in the library's words and is answered") {
  for (const bool said : {false, true}) {
    Meeting meeting(false);
    meeting.meet();
    if (said) meeting.talk();
    CHECK(SSL_write(meeting.peer->ssl(), "", 0) == 0);  // its own tickets first
    meeting.give(meeting.peer->take());
    TlsSuite suite;
    bssl::Span<const std::uint8_t> heard;
    bssl::Span<const std::uint8_t> spoken;
    REQUIRE(TlsSuite::of(meeting.peer->ssl(), suite));
    REQUIRE(bssl::SSL_get_traffic_secrets(meeting.peer->ssl(), &heard, &spoken));
    TlsKey key(suite,
               {reinterpret_cast<const char*>(spoken.data()), spoken.size()},
               SSL_get_write_sequence(meeting.peer->ssl()));
    std::string record(4 + TlsKey::kOverhead, '\0');
    record[TlsKey::kHeaderBytes] = 4;  // NewSessionTicket, of no bytes
    key.seal(record.data(), 4, SSL3_RT_HANDSHAKE);
    meeting.give(record);
    CHECK(meeting.read().empty());
    CHECK(meeting.last == Outcome::failed);
    CHECK(meeting.engine->failure_text() == "DECODE_ERROR");
    meeting.peer->receive(meeting.take());
    CHECK(meeting.peer->read().empty());
    CHECK(ERR_GET_REASON(ERR_peek_last_error()) == SSL_AD_REASON_OFFSET + SSL_AD_DECODE_ERROR);
    ERR_clear_error();
  }
}

TEST_CASE("with TLS 1.2 the records stay the library's") {
  for (const bool serves : {false, true}) {
    Meeting meeting(serves);
    SSL_CTX_set_max_proto_version(meeting.plain_client.get(), TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(meeting.client_terms->settings(), TLS1_2_VERSION);
    meeting.meet();
    CHECK(meeting.engine->version() == "TLSv1.2");
    for (int i = 0; i < 3; ++i) meeting.talk();
  }
}

}  // namespace headrace::net::test
