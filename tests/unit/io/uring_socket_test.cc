// Connections on io_uring against plain blocking peers: every way to connect, receive, send, pause
// and close, and what the other side sees of it.
#include "io/uring_io.h"
#include "uring_fixture.h"

namespace headrace::io::test {
namespace {

UringOptions tiny() {
  UringOptions options = blocked();
  options.ring.sq_entries = 8;
  options.ring.cq_entries = 32;
  return options;
}

// So that a sender soon finds its socket full.
void shrink_buffer(int fd) {
  const int bytes = 32'768;
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

TEST_CASE("a connection to a TCP listener comes about, without delay for small writes") {
  Rig rig;
  Party party(rig);
  Fd listener = listening();
  const sockaddr_storage address = loopback(port_of(listener.value));
  REQUIRE(rig.io->connect(party.socket, address, sizeof(sockaddr_in), Side::upstream).ok());
  CHECK(party.connected == 0);
  rig.io->send_copy(party.socket, "early");  // leaves once connected
  REQUIRE(rig.until([&] { return party.connected == 1; }));
  CHECK(party.connect_error == base::Error{});
  CHECK(party.socket.is_open());
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ::getsockopt(party.socket.fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &no_delay, &size);
  CHECK(no_delay == 1);
  Fd theirs(::accept(listener.value, nullptr, nullptr));
  rig.io->recv_start(party.socket);
  write_all(theirs, "hello");
  REQUIRE(rig.until([&] { return party.received == "hello"; }));
  CHECK(read_exactly(theirs, 5) == "early");
}

TEST_CASE("a connection to a Unix socket comes about") {
  Rig rig;
  Party party(rig);
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  auto* path = reinterpret_cast<sockaddr_un*>(&address);
  path->sun_family = AF_UNIX;
  // In the abstract namespace: no file is left behind.
  const std::string name = "headrace-test-" + std::to_string(::getpid());
  std::memcpy(path->sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  REQUIRE(::bind(listener.value, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.value, 4) == 0);
  REQUIRE(rig.io->connect(party.socket, address, size, Side::upstream).ok());
  REQUIRE(rig.until([&] { return party.connected == 1; }));
  CHECK(party.socket.is_open());
}

TEST_CASE("a refused connection blames the upstream and is closed by its owner") {
  Rig rig;
  Party party(rig);
  Fd listener = listening();
  const sockaddr_storage address = loopback(port_of(listener.value));
  listener.reset();
  REQUIRE(rig.io->connect(party.socket, address, sizeof(sockaddr_in), Side::upstream).ok());
  rig.io->send_copy(party.socket, "never");
  REQUIRE(rig.until([&] { return party.connected == 1; }));
  CHECK(party.connect_error == base::upstream_error(base::Errc::connect_failed, ECONNREFUSED));
  CHECK_FALSE(party.socket.is_open());
  rig.io->close(party.socket, CloseHow::orderly);
  CHECK(party.closed == 0);
  REQUIRE(rig.until([&] { return party.closed == 1; }));
  CHECK(party.story == "refused closed ");
}

TEST_CASE("closing while connecting says nothing but closed") {
  Rig rig;
  // The backlog is full, so that a connection hangs.
  Fd listener = listening();
  REQUIRE(::listen(listener.value, 0) == 0);
  const std::uint16_t port = port_of(listener.value);
  Fd first = dial(port);
  const sockaddr_storage address = loopback(port);
  Party one(rig);
  Party two(rig);
  REQUIRE(rig.io->connect(one.socket, address, sizeof(sockaddr_in), Side::upstream).ok());
  REQUIRE(rig.io->connect(two.socket, address, sizeof(sockaddr_in), Side::upstream).ok());
  rig.turns(3);
  REQUIRE(two.connected == 0);
  rig.io->close(two.socket, CloseHow::abort);
  REQUIRE(rig.until([&] { return two.closed == 1; }, 20));
  CHECK(two.story == "closed ");
}

TEST_CASE("megabytes to a slow reader arrive whole and in order, one send at a time") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  shrink_buffer(ours);
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  constexpr std::size_t kTotal = 8u << 20;
  std::size_t queued = 0;
  while (queued < kTotal) {
    // Pieces of every size: alone, gathered, copied together.
    const std::size_t size = std::min<std::size_t>(kTotal - queued, 100 + queued % 50'001);
    rig.io->send(party.socket, rig.io->blocks().copy_of(pattern(size, queued)));
    queued += size;
  }
  std::string arrived;
  REQUIRE(rig.in_time([&] {
    REQUIRE(party.socket.ops_in_kernel <= 2);
    arrived += read_now(theirs, nullptr, 30'011);
    return arrived.size() >= kTotal;
  }));
  CHECK(arrived.size() == kTotal);
  CHECK((arrived == pattern(kTotal)));
  REQUIRE(rig.until([&] { return party.socket.queued_bytes() == 0; }));
  CHECK(rig.io->counters().short_sends > 0);
  CHECK(rig.io->counters().sent_bytes == kTotal);
  CHECK(rig.io->blocks().blocks_out() == 0);
}

TEST_CASE("two busy sockets do not mix their bytes") {
  Rig rig;
  Party a(rig);
  Party b(rig);
  auto [a_fd, a_peer] = unix_pair();
  auto [b_fd, b_peer] = tcp_pair();
  shrink_buffer(a_fd);
  shrink_buffer(b_fd);
  rig.io->adopt(a.socket, a_fd, Side::client);
  rig.io->adopt(b.socket, b_fd, Side::upstream);
  constexpr std::size_t kTotal = 1u << 20;
  for (std::size_t done = 0; done < kTotal; done += 4096) {
    rig.io->send_copy(a.socket, pattern(4096, done));
    rig.io->send_copy(b.socket, pattern(4096, done + 77));
  }
  std::string from_a;
  std::string from_b;
  REQUIRE(rig.in_time([&] {
    from_a += read_now(a_peer, nullptr, 9001);
    from_b += read_now(b_peer, nullptr, 5003);
    return from_a.size() + from_b.size() >= 2 * kTotal;
  }));
  CHECK((from_a == pattern(kTotal)));
  CHECK((from_b == pattern(kTotal, 77)));
}

TEST_CASE("with two buffers of 64 bytes every socket gets its bytes in the end") {
  Rig rig(tiny(), {64, 2, 2});
  constexpr std::size_t kSockets = 12;
  constexpr std::size_t kBytes = 5000;
  std::vector<std::unique_ptr<Party>> parties;
  std::vector<Fd> peers;
  for (std::size_t i = 0; i < kSockets; ++i) {
    auto [ours, theirs] = unix_pair();
    parties.push_back(std::make_unique<Party>(rig));
    parties.back()->echo = i % 2 == 0;
    peers.push_back(std::move(theirs));
    rig.io->adopt(parties.back()->socket, ours, Side::upstream);
    rig.io->recv_start(parties.back()->socket);
    write_all(peers.back(), pattern(kBytes, i));
  }
  const auto all = [&] {
    for (const auto& party : parties) {
      if (party->received.size() < kBytes || party->socket.queued_bytes() != 0) return false;
    }
    return true;
  };
  REQUIRE(rig.until(all, 20'000));
  for (std::size_t i = 0; i < kSockets; ++i) {
    CHECK((parties[i]->received == pattern(kBytes, i)));
    if (parties[i]->echo) CHECK((read_exactly(peers[i], kBytes) == pattern(kBytes, i)));
  }
  CHECK(rig.io->counters().starved > 0);
  CHECK(rig.upstreams.out() == 0);
}

TEST_CASE("a starved socket costs nothing while it waits, and goes on when a buffer comes home") {
  Rig rig(blocked(), {4096, 2, 2});
  Party greedy(rig);
  Party patient(rig);
  greedy.hold = true;
  auto [greedy_fd, greedy_peer] = unix_pair();
  auto [patient_fd, patient_peer] = unix_pair();
  rig.io->adopt(greedy.socket, greedy_fd, Side::client);
  rig.io->adopt(patient.socket, patient_fd, Side::client);
  rig.io->recv_start(greedy.socket);
  write_all(greedy_peer, pattern(20'000));
  REQUIRE(rig.until([&] { return rig.clients.empty(); }));
  rig.turns(2);
  rig.io->recv_start(patient.socket);
  write_all(patient_peer, "hello");
  rig.turns(2);
  const auto enters = rig.io->counters().enters;
  rig.io->run_once(2 * base::kMillisecond);
  CHECK(rig.io->counters().enters - enters == 1);
  CHECK(patient.received.empty());
  rig.io->pause(greedy.socket, kPauseBackpressure);
  greedy.held.clear();
  REQUIRE(rig.until([&] { return patient.received == "hello"; }));
  rig.io->resume(greedy.socket, kPauseBackpressure);
  greedy.hold = false;
  greedy.held.clear();
  REQUIRE(rig.until([&] { return greedy.received.size() == 20'000; }));
  CHECK((greedy.received == pattern(20'000)));
}

TEST_CASE("a starved socket may be closed") {
  Rig rig(blocked(), {4096, 2, 2});
  Party party(rig);
  party.hold = true;
  auto [ours, theirs] = unix_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  write_all(theirs, pattern(20'000));
  REQUIRE(rig.until([&] { return rig.io->counters().starved > 0; }));
  rig.io->close(party.socket, CloseHow::orderly);
  CHECK(rig.until([&] { return party.closed == 1; }, 5));
}

TEST_CASE("the pool grows before anybody starves") {
  Rig rig(blocked(), {1024, 4, 64});
  Party party(rig);
  party.hold = true;
  auto [ours, theirs] = unix_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  for (std::size_t i = 0; i < 30; ++i) {
    write_all(theirs, pattern(1024, i * 1024));
    rig.io->run_once(base::kSecond);
  }
  REQUIRE(rig.until([&] { return party.received.size() == 30 * 1024; }));
  CHECK((party.received == pattern(30 * 1024)));
  CHECK(rig.clients.total() > 30);
  CHECK(rig.io->counters().starved == 0);
}

TEST_CASE("a paused socket stops receiving, and loses nothing when it resumes") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  write_all(theirs, pattern(1000));
  REQUIRE(rig.until([&] { return party.received.size() == 1000; }));
  rig.io->pause(party.socket, kPauseBackpressure);
  rig.io->pause(party.socket, kPausePipeline);
  rig.turns(2);
  write_all(theirs, pattern(50'000, 1000));
  rig.turns(5);
  CHECK(party.received.size() == 1000);
  rig.io->resume(party.socket, kPauseBackpressure);
  rig.turns(3);
  CHECK(party.received.size() == 1000);
  rig.io->resume(party.socket, kPausePipeline);
  REQUIRE(rig.until([&] { return party.received.size() == 51'000; }));
  CHECK((party.received == pattern(51'000)));
}

TEST_CASE("pausing and resuming before the kernel has heard of it changes nothing") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  for (std::size_t i = 0; i < 50; ++i) {
    rig.io->pause(party.socket, kPauseBackpressure);
    if (i % 3 == 0) rig.turns(1);
    write_all(theirs, pattern(100, i * 100));
    rig.io->resume(party.socket, kPauseBackpressure);
    if (i % 2 == 0) rig.io->run_once(0);
  }
  REQUIRE(rig.until([&] { return party.received.size() == 5000; }));
  CHECK((party.received == pattern(5000)));
}

TEST_CASE("what arrives after pausing is bounded") {
  Rig rig(blocked(), {4096, 512, 512});
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  std::size_t written = 0;
  for (;;) {
    const std::string bytes = pattern(65536, written);
    const ssize_t count =
        ::send(theirs.value, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  rig.io->pause(party.socket, kPauseBackpressure);
  rig.turns(10);
  CHECK(party.received.size() <= Socket::kOvershootBytes);
  rig.io->resume(party.socket, kPauseBackpressure);
  REQUIRE(rig.until([&] { return party.received.size() == written; }, 10'000));
  CHECK((party.received == pattern(written)));
}

TEST_CASE("an orderly close sends FIN at once though a receive is armed") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(2);
  rig.io->send_copy(party.socket, "bye");
  rig.turns(1);
  rig.io->close(party.socket, CloseHow::orderly);
  CHECK(party.closed == 0);
  rig.turns(3);
  CHECK(party.closed == 1);
  int end = 0;
  CHECK(read_to_end(theirs, end) == "bye");
  CHECK(end == 1);
  CHECK(party.eofs == 0);
  CHECK(party.errors == 0);
}

TEST_CASE("an orderly close delivers what was sent even when bytes of the peer lie unread") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  write_all(theirs, "a request that nobody will read");
  rig.io->send_copy(party.socket, "bye");
  rig.turns(1);
  rig.io->close(party.socket, CloseHow::orderly);
  rig.turns(3);
  CHECK(party.closed == 1);
  int end = 0;
  CHECK(read_to_end(theirs, end) == "bye");
  CHECK(end == 1);
}

TEST_CASE("a socket may be paused before it is connected") {
  Rig rig;
  Party party(rig);
  Fd listener = listening();
  const sockaddr_storage address = loopback(port_of(listener.value));
  REQUIRE(rig.io->connect(party.socket, address, sizeof(sockaddr_in), Side::upstream).ok());
  rig.io->pause(party.socket, kPauseBackpressure);
  REQUIRE(rig.until([&] { return party.connected == 1; }));
  Fd theirs(::accept(listener.value, nullptr, nullptr));
  write_all(theirs, "hello");
  rig.io->recv_start(party.socket);
  rig.turns(3);
  CHECK(party.received.empty());
  rig.io->resume(party.socket, kPauseBackpressure);
  CHECK(rig.until([&] { return party.received == "hello"; }));
}

TEST_CASE("an abort sends RST at once though a receive is armed") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(2);
  rig.io->close(party.socket, CloseHow::abort);
  rig.turns(3);
  CHECK(party.closed == 1);
  int end = 0;
  CHECK(read_to_end(theirs, end).empty());
  CHECK(end == -ECONNRESET);
}

TEST_CASE("closing an idle socket ends it in the same turn, for either kind of close") {
  for (const CloseHow how : {CloseHow::orderly, CloseHow::abort}) {
    Rig rig;
    Party party(rig);
    auto [ours, theirs] = tcp_pair();
    rig.io->adopt(party.socket, ours, Side::client);
    rig.io->close(party.socket, how);
    CHECK(party.closed == 0);
    const base::Nanos start = rig.io->clock();
    rig.io->run_once(20 * base::kSecond);
    CHECK(rig.io->clock() - start < 10 * base::kSecond);
    CHECK(party.closed == 1);
    int end = 0;
    read_to_end(theirs, end);
    CHECK(end == (how == CloseHow::orderly ? 1 : -ECONNRESET));
  }
}

TEST_CASE("a socket whose send is stuck can be closed") {
  for (const CloseHow how : {CloseHow::orderly, CloseHow::abort}) {
    Rig rig;
    Party party(rig);
    auto [ours, theirs] = tcp_pair();
    shrink_buffer(ours);
    rig.io->adopt(party.socket, ours, Side::client);
    rig.io->recv_start(party.socket);
    for (std::size_t i = 0; i < 4 << 20; i += 65536) {
      rig.io->send(party.socket, rig.io->blocks().copy_of(pattern(65536, i)));
    }
    rig.turns(5);
    REQUIRE(party.socket.sending());
    rig.io->close(party.socket, how);
    CHECK(rig.until([&] { return party.closed == 1; }, 5));
    rig.turns(1);
    CHECK(rig.io->blocks().blocks_out() == 0);
    // What the kernel took is delivered before FIN; RST takes it back.
    int end = 0;
    const std::string arrived = read_to_end(theirs, end);
    CHECK(end == (how == CloseHow::orderly ? 1 : -ECONNRESET));
    CHECK((arrived == pattern(arrived.size())));
  }
}

TEST_CASE("what arrives after close only gives its buffer back") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = unix_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  write_all(theirs, pattern(10'000));
  rig.io->close(party.socket, CloseHow::abort);
  REQUIRE(rig.until([&] { return party.closed == 1; }));
  CHECK(party.received.empty());
  CHECK(party.story == "closed ");
  CHECK(rig.clients.out() == 0);
}

TEST_CASE("closing from inside an event ends the stream of events") {
  struct Rude : Party {
    using Party::Party;
    void on_data(Slice slice) override {
      Party::on_data(std::move(slice));
      rig.io->close(socket, CloseHow::orderly);
    }
  };
  Rig rig(blocked(), {64, 32, 32});
  Rude party(rig);
  auto [ours, theirs] = unix_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  write_all(theirs, pattern(1000));  // many buffers, one batch
  rig.io->recv_start(party.socket);
  REQUIRE(rig.until([&] { return party.closed == 1; }));
  CHECK(party.story == "data closed ");
  CHECK(party.received == pattern(64));
  CHECK(rig.clients.out() == 0);
}

TEST_CASE(
    "the end of the peer's stream comes once, after its bytes, and does not stop our sending") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  write_all(theirs, "last");
  ::shutdown(theirs.value, SHUT_WR);
  REQUIRE(rig.until([&] { return party.eofs == 1; }));
  CHECK(party.received == "last");
  rig.io->send_copy(party.socket, "reply");
  rig.turns(3);
  CHECK(read_exactly(theirs, 5) == "reply");
  CHECK(party.eofs == 1);
  CHECK(party.errors == 0);
}

TEST_CASE("a reset is an error of the side it came from, once") {
  for (const Side side : {Side::client, Side::upstream}) {
    Rig rig;
    Party party(rig);
    auto [ours, theirs] = tcp_pair();
    rig.io->adopt(party.socket, ours, side);
    rig.io->recv_start(party.socket);
    rig.turns(1);
    const linger reset{1, 0};
    ::setsockopt(theirs.value, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    theirs.reset();
    REQUIRE(rig.until([&] { return party.errors == 1; }));
    CHECK(party.error.os_errno == ECONNRESET);
    CHECK(party.error.blame ==
          (side == Side::client ? base::Blame::client : base::Blame::upstream));
    rig.io->send_copy(party.socket, "too late");
    rig.turns(5);
    CHECK(party.story == "error ");
  }
}

TEST_CASE("what arrived before a send failed is delivered before the failure") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = unix_pair();
  rig.io->adopt(party.socket, ours, Side::upstream);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  write_all(theirs, "early answer");
  theirs.reset();
  rig.io->send_copy(party.socket, "more of the request");
  REQUIRE(rig.until([&] { return party.errors == 1; }));
  CHECK(party.received == "early answer");
  CHECK(party.story.find("data") < party.story.find("error"));
}

TEST_CASE("half-closing waits for everything queued, and leaves the other direction open") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  shrink_buffer(ours);
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  constexpr std::size_t kTotal = 1u << 20;
  for (std::size_t i = 0; i < kTotal; i += 16384) {
    rig.io->send(party.socket, rig.io->blocks().copy_of(pattern(16384, i)));
  }
  rig.io->shutdown_after_send(party.socket);
  std::string arrived;
  int end = 0;
  REQUIRE(rig.in_time([&] {
    arrived += read_now(theirs, &end);
    return end != 0;
  }));
  CHECK(end == 1);
  CHECK((arrived == pattern(kTotal)));
  write_all(theirs, "thanks");
  REQUIRE(rig.until([&] { return party.received == "thanks"; }));
}

TEST_CASE("a half-close behind a single send needs no other event") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  rig.io->send_copy(party.socket, "done");
  rig.io->shutdown_after_send(party.socket);
  rig.io->run_once(20 * base::kSecond);
  rig.io->run_once(0);
  int end = 0;
  CHECK(read_to_end(theirs, end) == "done");
  CHECK(end == 1);
}

TEST_CASE("a descriptor in non-blocking mode is as good as any") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  ::fcntl(ours, F_SETFL, O_NONBLOCK);
  shrink_buffer(ours);
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(2);
  write_all(theirs, "hello");
  REQUIRE(rig.until([&] { return party.received == "hello"; }));
  constexpr std::size_t kTotal = 1u << 20;
  rig.io->send_copy(party.socket, pattern(kTotal));
  std::string arrived;
  REQUIRE(rig.in_time([&] {
    arrived += read_now(theirs);
    return arrived.size() >= kTotal;
  }));
  CHECK((arrived == pattern(kTotal)));
}

TEST_CASE("a socket object may serve again after on_closed") {
  Rig rig;
  Party party(rig);
  for (int i = 0; i < 3; ++i) {
    auto [ours, theirs] = unix_pair();
    rig.io->adopt(party.socket, ours, Side::client);
    rig.io->recv_start(party.socket);
    write_all(theirs, "x");
    REQUIRE(rig.until([&] { return party.received.size() == static_cast<std::size_t>(i + 1); }));
    rig.io->pause(party.socket, kPauseBackpressure);
    rig.io->close(party.socket, CloseHow::orderly);
    REQUIRE(rig.until([&] { return party.closed == i + 1; }));
  }
}

}  // namespace
}  // namespace headrace::io::test
