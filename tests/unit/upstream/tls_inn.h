// Servers over TLS in the simulated world, for tests of connections to providers: each connection
// is an engine of its own, and what it hears and says is plaintext.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../net/tls_pair.h"
#include "sim_stage.h"
#include "tls_text.h"

namespace headrace::test {

using net::TlsEngine;

// A server's end of one connection: what it hears and says is plaintext.
class Guest final : public sim::SimPeer {
 public:
  Guest(sim::SimNet& net, const net::TlsServer& terms) : SimPeer(net), engine(blocks, terms) {}

  void say(std::string_view text) {
    REQUIRE(headrace_test::write_text(engine, text));
    flush();
  }
  void flush() {
    while (!engine.output().empty()) send(engine.output().pop().view());
  }

  io::BlockPool blocks;
  TlsEngine engine;
  std::string heard;
  std::string proxy_says;  // a proxy stands before it: said once it was asked, before anything else
  std::string asked;       // of the proxy
  bool shaken = false;
  bool failed = false;
  bool silent = false;  // does not even shake hands

 private:
  void on_bytes(std::string_view bytes) override {
    if (silent) return;
    if (!proxy_says.empty()) {
      asked += bytes;
      if (asked.ends_with("\r\n\r\n")) send(std::exchange(proxy_says, {}));
      return;
    }
    engine.feed(blocks.copy_of(bytes));
    if (!shaken) {
      const TlsEngine::Outcome outcome = engine.shake_hands();
      shaken = outcome == TlsEngine::Outcome::done;
      failed = outcome == TlsEngine::Outcome::failed;
    }
    while (shaken) {
      io::Slice slice;
      const TlsEngine::Outcome outcome = engine.read(slice);
      failed = failed || outcome == TlsEngine::Outcome::failed;
      if (outcome != TlsEngine::Outcome::done) break;
      heard += slice.view();
    }
    flush();
  }
};

class Inn final : public sim::SimListenerPeer {
 public:
  Inn(sim::SimNet& net, unsigned host, std::shared_ptr<const net::TlsServer> terms_of)
      : SimListenerPeer(net, sim::SimNet::address(host, 443)),
        terms(std::move(terms_of)),
        net_(net) {}
  Guest& operator[](std::size_t i) {
    REQUIRE(i < guests.size());
    return *guests[i];
  }
  std::vector<std::unique_ptr<Guest>> guests;
  std::shared_ptr<const net::TlsServer> terms;
  std::string proxy_says;
  bool silent = false;
  std::size_t deaf_from = SIZE_MAX;  // guests from this one on read nothing until told to

 private:
  sim::SimPeer* on_accept() override {
    guests.push_back(std::make_unique<Guest>(net_, *terms));
    if (guests.size() > deaf_from) guests.back()->set_reading(false);
    guests.back()->silent = silent;
    guests.back()->proxy_says = proxy_says;
    return guests.back().get();
  }
  sim::SimNet& net_;
};

}  // namespace headrace::test
