// A client's and a server's TlsEngine, wire to wire, without a socket: what one puts out is fed to
// the other, whole or cut as a test wants. Everything that crosses is kept.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "certificates.h"
#include "io/receive_pool.h"
#include "net/tls_client.h"
#include "net/tls_engine.h"
#include "net/tls_server.h"
#include "net/tls_sessions.h"

namespace headrace::net::test {

using headrace_test::CertificateHouse;
using headrace_test::CertificatePlan;
using headrace_test::Issued;

inline std::shared_ptr<const TlsClient> make_client(const CertificateHouse& house,
                                                    TlsClientOptions options = {
                                                        .host = "good.test"}) {
  std::string fault;
  auto trust = TlsTrust::load(house.authority_file(), fault);
  REQUIRE_MESSAGE(trust != nullptr, fault);
  auto client = TlsClient::make(options, trust, fault);
  REQUIRE_MESSAGE(client != nullptr, fault);
  return client;
}

inline std::shared_ptr<const TlsServer> make_server(const CertificateHouse& house,
                                                    const std::vector<std::string>& names,
                                                    TlsServerOptions options = {}) {
  for (const std::string& name : names)
    options.certificates.push_back({house.certificate(name), house.key(name)});
  std::string fault;
  auto server = TlsServer::make(options, fault);
  REQUIRE_MESSAGE(server != nullptr, fault);
  return server;
}

inline constexpr std::uint16_t kTls10 = 0x0301;
inline constexpr std::uint16_t kTls11 = 0x0302;
inline constexpr std::uint16_t kTls12 = 0x0303;
inline constexpr std::uint16_t kTls13 = 0x0304;

using Outcome = TlsEngine::Outcome;

struct Wire {
  Wire(const TlsClient& client_terms, const TlsServer& server_terms, TlsSessions* tickets = nullptr)
      : client(blocks, client_terms, tickets), server(blocks, server_terms) {}

  // Takes what `from` wants sent.
  std::string take(TlsEngine& from) {
    std::string bytes;
    while (!from.output().empty()) bytes += from.output().pop().view();
    (&from == &client ? from_client : from_server) += bytes;
    return bytes;
  }
  // With the margins of a receive buffer.
  void give(TlsEngine& to, std::string_view bytes) {
    constexpr std::size_t kHead = io::ReceivePool::kHeadMargin;
    if (bytes.empty()) return;
    const io::Slice block = blocks.take(kHead + bytes.size() + io::ReceivePool::kTailMargin);
    io::Buffer& buffer = *block.buffer();
    std::memcpy(buffer.base + kHead, bytes.data(), bytes.size());
    io::Slice slice(buffer, buffer.base + kHead, bytes.size());
    slice.set_headroom(kHead);
    slice.set_tailroom(io::ReceivePool::kTailMargin);
    to.feed(std::move(slice));
  }
  // Everything that is there now, in both directions.
  void exchange() {
    give(server, take(client));
    give(client, take(server));
  }
  // True when both are through.
  bool shake_hands() {
    Outcome at_client = Outcome::more;
    Outcome at_server = Outcome::more;
    for (int i = 0; i < 10; ++i) {
      if (at_client != Outcome::done) at_client = client.shake_hands();
      exchange();
      if (at_server != Outcome::done) at_server = server.shake_hands();
      exchange();
      if (at_client == Outcome::failed || at_server == Outcome::failed) return false;
      if (at_client == Outcome::done && at_server == Outcome::done) return true;
    }
    return false;
  }
  // All plaintext that is there.
  std::string read(TlsEngine& from) {
    std::string text;
    for (;;) {
      io::Slice slice;
      last = from.read(slice);
      if (last != Outcome::done) return text;
      text += slice.view();
    }
  }

  io::BlockPool blocks;
  TlsEngine client;
  TlsEngine server;
  std::string from_client;
  std::string from_server;
  Outcome last = Outcome::more;
};

}  // namespace headrace::net::test
