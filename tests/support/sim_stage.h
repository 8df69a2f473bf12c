// A stage for unit tests that need sockets: the simulated network and kernel (tests/sim) without
// faults, and peers that do what the test says line by line. A test sends from one side, lets the
// world run until something has happened, and looks at what the other side heard.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../sim/sim_io.h"
#include "../sim/sim_net.h"
#include "../sim/sim_peer.h"

namespace headrace::test {

// One end of a connection, in the hands of the test.
class Talker final : public sim::SimPeer {
 public:
  explicit Talker(sim::SimNet& net) : SimPeer(net) {}

  std::size_t count(std::string_view what) const {
    std::size_t found = 0;
    for (std::size_t at = heard.find(what); at != std::string::npos; at = heard.find(what, at + 1))
      ++found;
    return found;
  }
  bool has(std::string_view what) const { return heard.find(what) != std::string::npos; }
  // What was heard since the last call.
  std::string fresh() {
    std::string text = heard.substr(seen_);
    seen_ = heard.size();
    return text;
  }

  std::string heard;
  bool refused = false;
  bool ended = false;  // an orderly end or a reset was seen

 private:
  void on_refused(int) override { refused = ended = true; }
  void on_bytes(std::string_view bytes) override { heard += bytes; }
  void on_eof() override { ended = true; }
  void on_reset() override { ended = true; }

  std::size_t seen_ = 0;
};

// A server whose every connection is a Talker, in order of arrival.
class House final : public sim::SimListenerPeer {
 public:
  House(sim::SimNet& net, const sockaddr_storage& address)
      : SimListenerPeer(net, address), net_(net) {}

  std::size_t count() const { return guests.size(); }
  Talker& operator[](std::size_t i) {
    REQUIRE(i < guests.size());
    return *guests[i];
  }

  std::vector<std::unique_ptr<Talker>> guests;

 private:
  sim::SimPeer* on_accept() override {
    guests.push_back(std::make_unique<Talker>(net_));
    return guests.back().get();
  }

  sim::SimNet& net_;
};

class SimStage {
 public:
  explicit SimStage(std::size_t buffer_bytes = 4096)
      : client_buffers({.buffer_bytes = buffer_bytes, .initial = 8, .cap = 64}),
        upstream_buffers({.buffer_bytes = buffer_bytes, .initial = 8, .cap = 2048}) {}

  // Turns until `done`, at most `limit` of virtual time.
  bool run_until(const std::function<bool()>& done, base::Nanos limit = 5 * base::kSecond) {
    const base::Nanos end = net.now() + limit;
    net.at(end, [this] { io.wake(); });  // a turn may wait much longer than `limit`
    while (!done() && net.now() < end) turn();
    return done();
  }
  void run_for(base::Nanos time) {
    run_until([] { return false; }, time);
  }
  // Until everything on its way has arrived and was dealt with.
  void settle() { run_for(base::kMillisecond); }

  sim::SimNet net{1};
  io::ReceivePool client_buffers;
  io::ReceivePool upstream_buffers;
  sim::SimIo io{net, client_buffers, upstream_buffers};
  // One turn of what is under test; short, since what happens among the peers alone does not end
  // it.
  std::function<void()> turn = [this] { io.run_once(10 * base::kMillisecond); };
};

}  // namespace headrace::test
