// Goal: the simulator keeps its own promises: one seed is one run, scripts see what a network would
// show them, the books for the oracle are right, and a correct program survives every fault without
// a leak. Method: a small relay (client <-> upstream, byte for byte) as the worker, scripted peers
// on both sides.
#include "sim_io.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim_peer.h"

namespace headrace::sim {
namespace {

using base::kMillisecond;
using base::kSecond;
using io::CloseHow;
using io::Side;
using io::Slice;
using io::Socket;

class Relay;

// One direction of a relayed pair is read from `socket` and sent to `other`.
class Leg final : public io::SocketOwner {
 public:
  Leg(Relay& relay_of, io::Io& io_of) : socket(*this), relay(relay_of), io(io_of) {}

  void on_connected(base::Status status) override;
  void on_data(Slice slice) override;
  void on_eof() override {
    io.shutdown_after_send(other->socket);
    saw_eof = true;
    maybe_done();
  }
  void on_error(base::Error) override { end_both(CloseHow::abort); }
  void on_sent() override;
  void on_closed() override;

  void end_both(CloseHow how) {
    io.close(socket, how);
    io.close(other->socket, how);
  }
  void maybe_done() {
    if (saw_eof && other->saw_eof && socket.queued_bytes() + other->socket.queued_bytes() == 0) {
      end_both(CloseHow::orderly);
    }
  }

  Socket socket;
  Relay& relay;
  io::Io& io;
  Leg* other = nullptr;
  bool saw_eof = false;
  bool gone = false;
};

class Relay final : public io::ListenerOwner {
 public:
  Relay(SimNet& net, io::Io& io_of, sockaddr_storage listen_at, sockaddr_storage upstream_at)
      : listener(*this), io(io_of), upstream(upstream_at) {
    io.listen_start(listener, net.make_listener(listen_at));
  }

  void on_accept(int fd) override {
    auto client = std::make_unique<Leg>(*this, io);
    auto server = std::make_unique<Leg>(*this, io);
    client->other = server.get();
    server->other = client.get();
    client->socket.prompt_sent = server->socket.prompt_sent = true;
    io.adopt(client->socket, fd, Side::client);
    ++accepted;
    if (!io.connect(server->socket, upstream, sizeof(sockaddr_in), Side::upstream).ok()) {
      ++refused;
      server->gone = true;
      io.close(client->socket, CloseHow::abort);
    }
    legs.push_back(std::move(client));
    legs.push_back(std::move(server));
  }
  void on_accept_error(base::Error error) override {
    CHECK(error.code == base::Errc::out_of_files);
    ++accept_errors;
  }
  void on_listener_closed() override { stopped = true; }

  io::Listener listener;
  io::Io& io;
  sockaddr_storage upstream;
  std::vector<std::unique_ptr<Leg>> legs;
  int accepted = 0, refused = 0, accept_errors = 0, closed = 0;
  bool stopped = false;
};

void Leg::on_connected(base::Status status) {
  if (!status.ok()) return end_both(CloseHow::abort);
  io.recv_start(socket);
  io.recv_start(other->socket);
}

void Leg::on_data(Slice slice) {
  io.send(other->socket, std::move(slice));
  if (other->socket.queued_bytes() > 64 * 1024) io.pause(socket, io::kPauseBackpressure);
}

void Leg::on_sent() {
  if (socket.queued_bytes() < 16 * 1024) io.resume(other->socket, io::kPauseBackpressure);
  maybe_done();
}

void Leg::on_closed() {
  CHECK_FALSE(gone);
  gone = true;
  ++relay.closed;
}

std::string text(std::size_t size, unsigned salt) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>('a' + (i * 7 + i / 251 + salt) % 26);
  return bytes;
}

// Sends a text, half-closes, reads until the end.
class Client final : public SimPeer {
 public:
  Client(SimNet& net, std::string say) : SimPeer(net), words(std::move(say)) {}
  bool done() const { return ended; }

  std::string words;
  std::string heard;
  bool ended = false;
  bool clean = false;
  bool was_refused = false;
  base::Nanos ended_at = 0;

 private:
  void on_connected() override {
    send(words);
    shutdown_write();
  }
  void on_refused(int) override { ended = was_refused = true; }
  void on_bytes(std::string_view bytes) override { heard += bytes; }
  void on_eof() override {
    ended = clean = true;
    ended_at = net().now();
    close();
  }
  void on_reset() override { ended = true; }
};

// Answers every byte with itself, in capitals.
class Shouter final : public SimPeer {
 public:
  using SimPeer::SimPeer;

 private:
  void on_bytes(std::string_view bytes) override {
    std::string loud(bytes);
    for (char& c : loud) c = static_cast<char>(c - 'a' + 'A');
    send(loud);
  }
  void on_eof() override { close(); }
};

class Shouters final : public SimListenerPeer {
 public:
  Shouters(SimNet& net, const sockaddr_storage& address)
      : SimListenerPeer(net, address), net_(net) {}
  std::vector<std::unique_ptr<Shouter>> peers;

 private:
  SimPeer* on_accept() override {
    peers.push_back(std::make_unique<Shouter>(net_));
    return peers.back().get();
  }
  SimNet& net_;
};

std::string shouted(std::string words) {
  for (char& c : words) c = static_cast<char>(c - 'a' + 'A');
  return words;
}

// A whole scene: a relay between clients and shouters.
struct Scene {
  Scene(std::uint64_t seed, const SimFaults& faults, std::size_t cap = 256)
      : net(seed, faults),
        clients_pool({.buffer_bytes = 1024, .initial = 8, .cap = cap}),
        upstreams_pool({.buffer_bytes = 1024, .initial = 8, .cap = cap}),
        io(net, clients_pool, upstreams_pool),
        shouters(net, SimNet::address(2, 80)),
        relay(net, io, SimNet::address(1, 8080), SimNet::address(2, 80)) {}

  ~Scene() {
    io.listen_stop(relay.listener);
    for (auto& leg : relay.legs) io.close(leg->socket, CloseHow::abort);
    const auto all_gone = [&] {
      for (auto& leg : relay.legs) {
        if (!leg->gone) return false;
      }
      return relay.stopped;
    };
    for (int i = 0; i < 1000 && !all_gone(); ++i) io.run_once(kMillisecond);
    CHECK(all_gone());
    clients.clear();
    shouters.peers.clear();
    io.run_once(kSecond);
    CHECK(io.quiet());
    CHECK(net.quiet());
    CHECK(clients_pool.out() == 0);
    CHECK(upstreams_pool.out() == 0);
    CHECK(io.blocks().blocks_out() == 0);
  }

  Client& add_client(std::string words) {
    clients.push_back(std::make_unique<Client>(net, std::move(words)));
    clients.back()->dial(SimNet::address(1, 8080));
    return *clients.back();
  }

  bool run(base::Nanos limit = 60 * kSecond) {
    const base::Nanos end = net.now() + limit;
    const auto done = [&] {
      for (auto& client : clients) {
        if (!client->done()) return false;
      }
      return true;
    };
    while (!done() && net.now() < end) io.run_once(100 * kMillisecond);
    return done();
  }

  SimNet net;
  io::ReceivePool clients_pool;
  io::ReceivePool upstreams_pool;
  SimIo io;
  Shouters shouters;
  Relay relay;
  std::vector<std::unique_ptr<Client>> clients;
};

std::uint64_t hash_of_run(std::uint64_t seed) {
  Scene scene(seed, SimFaults::rough());
  for (unsigned i = 0; i < 5; ++i) scene.add_client(text(3000 * (i + 1), i));
  CHECK(scene.run());
  return scene.net.log_hash();
}

}  // namespace

TEST_CASE("one seed is one run, another seed another") {
  const std::uint64_t first = hash_of_run(1);
  CHECK(hash_of_run(1) == first);
  CHECK(hash_of_run(2) != first);
}

TEST_CASE("in a perfect world everything is relayed, fast") {
  Scene scene(1, SimFaults::none());
  Client& client = scene.add_client(text(100'000, 1));
  const base::Nanos start = scene.net.now();
  CHECK(scene.run());
  CHECK(client.clean);
  CHECK((client.heard == shouted(client.words)));
  CHECK(client.ended_at - start < 20 * kMillisecond);
}

TEST_CASE("in a bumpy world nothing is lost and everything ends well") {
  std::uint64_t late = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Scene scene(seed, SimFaults::bumpy());
    for (unsigned i = 0; i < 4; ++i) scene.add_client(text(500 + 4000 * i, i));
    CHECK(scene.run());
    for (auto& client : scene.clients) {
      CHECK(client->clean);
      CHECK((client->heard == shouted(client->words)));
    }
    late += scene.io.counters().short_sends + scene.io.counters().starved;
  }
  CHECK(late > 100);  // the faults do happen
}

TEST_CASE("in a rough world everything ends, and what arrived is right as far as it goes") {
  int clean = 0, broken = 0, accept_errors = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Scene scene(seed, SimFaults::rough(), 8);  // few buffers, too
    for (unsigned i = 0; i < 4; ++i) scene.add_client(text(500 + 4000 * i, i));
    CHECK(scene.run());
    for (auto& client : scene.clients) {
      const bool whole = client->heard == shouted(client->words);
      CHECK((shouted(client->words).starts_with(client->heard)));
      CHECK((!client->clean || whole));
      (client->clean ? clean : broken) += 1;
    }
    accept_errors += scene.relay.accept_errors;
    refused += scene.relay.refused;
  }
  CHECK(clean > 600);
  CHECK(broken > 20);
  CHECK(accept_errors > 5);
  CHECK(refused > 5);
}

TEST_CASE("a refusing upstream and one that never answers look as they should") {
  Scene scene(3, SimFaults::none());
  SUBCASE("refuses") {
    scene.shouters.set_mode(SimListenerPeer::Mode::refuses);
    Client& client = scene.add_client("hello");
    CHECK(scene.run());
    CHECK_FALSE(client.clean);
    CHECK(client.saw_reset());
  }
  SUBCASE("never answers") {
    scene.shouters.set_mode(SimListenerPeer::Mode::black_hole);
    Client& client = scene.add_client("hello");
    CHECK_FALSE(scene.run(10 * kSecond));
    CHECK(client.heard.empty());
    CHECK(client.open());
  }
  SUBCASE("nobody listens for the client") {
    Client stray(scene.net, "hello");
    stray.dial(SimNet::address(9, 9));
    while (!stray.done()) scene.io.run_once(kMillisecond);
    CHECK(stray.was_refused);
  }
}

TEST_CASE("the books say in which turn a byte was read and in which it was handed over") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Scene scene(seed, seed % 2 == 0 ? SimFaults::none() : SimFaults::bumpy());
    Client& client = scene.add_client(text(9000, 1));
    CHECK(scene.run());
    REQUIRE(client.clean);
    // The relay passes every byte on at once, so both stamps are one turn, unless a send was under
    // way.
    const Shouter& upstream = *scene.shouters.peers.at(0);
    std::uint64_t same = 0;
    for (std::uint64_t offset = 1; offset <= client.heard.size(); ++offset) {
      const std::uint64_t read = upstream.turn_read(offset);
      const std::uint64_t offered = client.turn_offered(offset);
      REQUIRE(read != 0);
      REQUIRE(offered >= read);
      if (offered == read) {
        ++same;
      } else {
        REQUIRE(client.worker_busy(read));
      }
    }
    CHECK(same > 0);
    CHECK(upstream.turn_read(client.heard.size() + 1) == 0);
  }
}

TEST_CASE("a client that does not read is felt by the upstream") {
  Scene scene(5, SimFaults::none());
  Client& client = scene.add_client(text(3'000'000, 2));
  client.set_reading(false);
  CHECK_FALSE(scene.run(2 * kSecond));
  CHECK(client.heard.empty());
  // Two windows and the relay's own bound are all that can be on the way to the client; the rest of
  // the answer waits in the script of the upstream.
  CHECK(scene.shouters.peers.at(0)->unsent() > 3'000'000 - 3 * 256 * 1024);
  CHECK(scene.io.counters().received_bytes < 3'000'000 + 2 * 256 * 1024);
  CHECK(client.read_some(1000) == 1000);
  CHECK(client.heard.size() == 1000);
  client.set_reading(true);
  CHECK(scene.run());
  CHECK((client.heard == shouted(client.words)));
}

TEST_CASE("scripts act in virtual time") {
  Scene scene(6, SimFaults::none());
  std::vector<int> order;
  const base::Nanos start = scene.net.now();
  scene.net.after(2 * kSecond, [&] { order.push_back(2); });
  scene.net.after(kSecond, [&] {
    order.push_back(1);
    scene.net.after(0, [&] { order.push_back(10); });
  });
  while (scene.net.now() < start + 3 * kSecond) scene.io.run_once(kSecond);
  CHECK(order == std::vector<int>{1, 10, 2});
}

}  // namespace headrace::sim
