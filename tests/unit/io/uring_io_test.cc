// The turn of UringIo: how many system calls it takes, how it waits, polls, wakes and survives
// small queues. Real sockets on loopback; the peer lives in the same thread, so every count is
// exact.
#include "io/uring_io.h"

#include <thread>

#include "uring_fixture.h"

namespace headrace::io::test {
namespace {

struct Waker final : WakeOwner {
  int wakes = 0;
  void on_wake() override { ++wakes; }
};

struct Alarm {
  int fired = 0;
  void on_timer() { ++fired; }
};

TEST_CASE("a hop costs one system call when blocked") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  party.echo = true;
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  const std::string message = pattern(200);
  write_all(theirs, message);
  rig.io->run_once(base::kSecond);
  REQUIRE(party.received.size() == 200);

  const auto before = rig.io->counters();
  std::string echoed;
  constexpr int kHops = 10'000;
  for (int i = 0; i < kHops; ++i) {
    // The next turn hands over the echo and waits for this.
    write_all(theirs, message);
    rig.io->run_once(base::kSecond);
    echoed += read_now(theirs);
  }
  rig.io->run_once(0);
  echoed += read_exactly(theirs, (kHops + 1) * message.size() - echoed.size());
  const auto& after = rig.io->counters();
  CHECK(after.enters - before.enters == kHops + 1);
  CHECK(after.sends - before.sends == kHops + 1);
  CHECK(after.short_sends == 0);
  CHECK(after.overflows == 0);
  CHECK(after.coalesced_bytes == 0);
  CHECK(echoed == party.received);
  CHECK(echoed.size() == (kHops + 1) * message.size());
}

TEST_CASE("a hop costs two system calls when polling, one to find and one to answer") {
  UringOptions options;
  options.busy = BusyMode::always;
  Rig rig(options);
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  party.echo = true;
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(2);
  const std::string message = pattern(200);
  const auto before = rig.io->counters();
  const std::uint64_t enters = rig.io->ring().enters();
  constexpr int kHops = 1000;
  for (int i = 0; i < kHops; ++i) {
    write_all(theirs, message);
    rig.io->run_once(base::kSecond);  // finds the message
    rig.io->run_once(base::kSecond);  // hands over the echo and settles it
    REQUIRE(read_exactly(theirs, message.size()) == message);
    REQUIRE(party.sents == i + 1);
  }
  const auto& after = rig.io->counters();
  CHECK(after.enters - before.enters == 2 * kHops);
  CHECK(rig.io->ring().enters() - enters == kHops);  // a send alone is no request
  CHECK(after.polls_missed == 0);
}

TEST_CASE("what a plain send leaves over when polling follows when there is room") {
  UringOptions options;
  options.busy = BusyMode::always;
  Rig rig(options);
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.io->run_once(base::kMillisecond);  // a wait that polls
  const std::string large = pattern(8 << 20);
  const std::uint64_t enters = rig.io->ring().enters();
  rig.io->send_copy(party.socket, large);
  CHECK(rig.until([&] { return rig.io->counters().short_sends == 1; }));
  CHECK(rig.io->ring().enters() == enters);
  std::string received;
  std::string piece(1 << 16, '\0');
  for (int i = 0; i < 20'000 && received.size() < large.size(); ++i) {
    const ssize_t size = ::recv(theirs.value, piece.data(), piece.size(), MSG_DONTWAIT);
    if (size > 0) received.append(piece, 0, static_cast<std::size_t>(size));
    rig.io->run_once(0);
  }
  CHECK((received == large));
  CHECK(party.socket.queued_bytes() == 0);
  CHECK(party.errors == 0);
}

TEST_CASE("a plain send to a peer that is gone reports as any other") {
  UringOptions options;
  options.busy = BusyMode::always;
  Rig rig(options);
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->run_once(base::kMillisecond);  // a wait that polls
  const linger abort{1, 0};
  REQUIRE(::setsockopt(theirs.value, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
  theirs.reset();
  rig.io->send_copy(party.socket, "too late");
  CHECK(rig.until([&] { return party.errors == 1; }));
  CHECK(party.sents == 0);
}

TEST_CASE("a send is settled before the other events of its turn are delivered") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  rig.io->send_copy(party.socket, "answer");
  write_all(theirs, "next");
  rig.io->run_once(base::kSecond);
  CHECK(party.story == "sent data ");
  CHECK(read_exactly(theirs, 6) == "answer");
}

TEST_CASE("a send that nobody waits for is reported soon even when nothing else happens") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  rig.io->send_copy(party.socket, "answer");
  const base::Nanos start = rig.io->clock();
  rig.io->run_once(20 * base::kSecond);
  CHECK(party.sents == 1);
  CHECK(rig.io->clock() - start < 10 * base::kSecond);
}

TEST_CASE("who waits for on_sent has it in the turn that sent") {
  Rig rig;
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  rig.turns(1);
  party.socket.prompt_sent = true;
  party.close_when_sent = true;
  rig.io->send_copy(party.socket, "last words");
  const auto enters = rig.io->counters().enters;
  rig.io->run_once(20 * base::kSecond);
  CHECK(party.sents == 1);
  CHECK(rig.io->counters().enters - enters == 1);
  CHECK(rig.until([&] { return party.closed == 1; }));
  int end = 0;
  CHECK(read_to_end(theirs, end) == "last words");
  CHECK(end == 1);
}

TEST_CASE("a paused socket is never left waiting for a report that does not come") {
  // The upstream is paused until the client has taken everything: no other event will ever come.
  Rig rig;
  Party client(rig);
  Party upstream(rig);
  auto [client_fd, client_peer] = tcp_pair();
  auto [upstream_fd, upstream_peer] = tcp_pair();
  rig.io->adopt(client.socket, client_fd, Side::client);
  rig.io->adopt(upstream.socket, upstream_fd, Side::upstream);
  rig.io->recv_start(upstream.socket);
  rig.turns(1);
  rig.io->pause(upstream.socket, kPauseBackpressure);
  rig.turns(2);
  rig.io->send_copy(client.socket, "tokens");
  rig.io->run_once(20 * base::kSecond);
  CHECK(client.sents == 1);
}

TEST_CASE("wake() ends a blocked wait and a polling one from another thread") {
  for (const BusyMode mode : {BusyMode::off, BusyMode::always}) {
    UringOptions options;
    options.busy = mode;
    Rig rig(options);
    Waker waker;
    rig.io->set_wake_owner(&waker);
    rig.io->run_once(0);
    for (int i = 0; i < 3; ++i) {
      std::thread other([&] { rig.io->wake(); });
      REQUIRE(rig.until([&] { return waker.wakes == i + 1; }));
      other.join();
    }
    // Two wake-ups before a turn are one.
    rig.io->wake();
    rig.io->wake();
    rig.turns(3);
    CHECK(waker.wakes == 4);
  }
}

TEST_CASE("a wake before the first turn is not lost") {
  Rig rig;
  Waker waker;
  rig.io->set_wake_owner(&waker);
  rig.io->wake();
  rig.io->run_once(20 * base::kSecond);
  CHECK(waker.wakes == 1);
}

TEST_CASE("timers end the wait in every mode, and never early") {
  for (const BusyMode mode : {BusyMode::off, BusyMode::always, BusyMode::automatic}) {
    UringOptions options;
    options.busy = mode;
    Rig rig(options);
    Alarm alarm;
    Timer timer;
    timer.bind<&Alarm::on_timer>(alarm);
    const base::Nanos due = rig.io->clock() + 3 * base::kMillisecond;
    rig.io->timers().schedule(timer, due);
    for (int i = 0; i < 10 && alarm.fired == 0; ++i) rig.io->run_once(20 * base::kSecond);
    CHECK(alarm.fired == 1);
    CHECK(rig.io->now() >= due);
    CHECK(rig.io->now() < due + 10 * base::kSecond);
  }
}

TEST_CASE("polling honours the longest wait it was given") {
  UringOptions options;
  options.busy = BusyMode::always;
  Rig rig(options);
  rig.turns(1);
  const base::Nanos start = rig.io->clock();
  const auto enters = rig.io->counters().enters;
  rig.io->run_once(2 * base::kMillisecond);
  const base::Nanos taken = rig.io->clock() - start;
  CHECK(taken >= 2 * base::kMillisecond);
  CHECK(taken < 10 * base::kSecond);
  CHECK(rig.io->counters().enters == enters);
}

TEST_CASE("polling sees what another thread sends, without sleeping") {
  UringOptions options;
  options.busy = BusyMode::always;
  Rig rig(options);
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  party.echo = true;
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  constexpr std::size_t kHops = 200;
  std::size_t answered = 0;
  std::thread other([&] {
    for (std::size_t i = 0; i < kHops; ++i) {
      ::send(theirs.value, "ping", 4, MSG_NOSIGNAL);
      if (read_exactly(theirs, 4) != "ping") return;
      ++answered;
    }
  });
  rig.until([&] { return party.sents == kHops; }, 2000);
  other.join();
  CHECK(answered == kHops);
  CHECK(rig.io->counters().polls_hit > 0);
  CHECK(rig.io->counters().polls_missed == 0);
}

TEST_CASE("a turn that may not wait and has nothing to hand over costs no system call") {
  Rig rig;
  rig.turns(1);
  const auto enters = rig.io->counters().enters;
  rig.turns(10);
  CHECK(rig.io->counters().enters == enters);
}

TEST_CASE("an idle worker that polls automatically goes to sleep") {
  UringOptions options;
  options.busy = BusyMode::automatic;
  options.poll_max = base::kMillisecond;
  Rig rig(options);
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  party.echo = true;
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  for (int i = 0; i < 100; ++i) {
    write_all(theirs, "ping");
    rig.io->run_once(0);
  }
  REQUIRE(rig.io->counters().received_bytes > 0);
  const auto before = rig.io->counters();
  rig.io->run_once(0);
  for (int i = 0; i < 20; ++i) rig.io->run_once(5 * base::kMillisecond);
  CHECK(rig.io->counters().polls_missed - before.polls_missed <= 5);
}

TEST_CASE("eight entries are enough for any number of sockets") {
  UringOptions options = blocked();
  options.ring.sq_entries = 8;
  options.ring.cq_entries = 16;  // completions overflow, and nothing may be lost by it
  Rig rig(options);
  constexpr std::size_t kSockets = 100;
  std::vector<std::unique_ptr<Party>> parties;
  std::vector<Fd> peers;
  for (std::size_t i = 0; i < kSockets; ++i) {
    auto [ours, theirs] = unix_pair();
    parties.push_back(std::make_unique<Party>(rig));
    parties.back()->echo = true;
    peers.push_back(std::move(theirs));
    rig.io->adopt(parties.back()->socket, ours, Side::client);
    rig.io->recv_start(parties.back()->socket);
  }
  for (std::size_t round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < kSockets; ++i) write_all(peers[i], pattern(700, i * 31 + round));
    const auto all = [&] {
      for (const auto& party : parties) {
        if (party->received.size() < 700 * (round + 1)) return false;
        if (party->socket.queued_bytes() != 0) return false;
      }
      return true;
    };
    REQUIRE(rig.until(all));
    for (std::size_t i = 0; i < kSockets; ++i) {
      REQUIRE(read_exactly(peers[i], 700) == pattern(700, i * 31 + round));
    }
  }
  CHECK(rig.io->counters().overflows > 0);
  CHECK(rig.clients.out() == 0);
}

TEST_CASE("a long batch hands over before its end") {
  Rig rig;
  constexpr std::size_t kSockets = 40;
  std::vector<std::unique_ptr<Party>> parties;
  std::vector<Fd> peers;
  for (std::size_t i = 0; i < kSockets; ++i) {
    auto [ours, theirs] = unix_pair();
    parties.push_back(std::make_unique<Party>(rig));
    parties.back()->echo = true;
    peers.push_back(std::move(theirs));
    rig.io->adopt(parties.back()->socket, ours, Side::client);
  }
  // Everything is there when the receives are armed: one turn sees all of it.
  for (auto& peer : peers) write_all(peer, "ping");
  for (auto& party : parties) rig.io->recv_start(party->socket);
  rig.io->run_once(0);
  std::size_t answered = 0;
  for (auto& peer : peers) answered += readable(peer) ? 1 : 0;
  CHECK(answered >= 32);
  rig.turns(2);
  for (auto& peer : peers) CHECK(read_now(peer) == "ping");
  CHECK(rig.clients.out() == 0);
}

TEST_CASE("without what kernel 6.1 lacks everything works the same") {
  UringOptions options = blocked();
  options.ring.compat_61 = true;
  Rig rig(options);
  CHECK(rig.io->ring().features() < (1u << 13));
  Party party(rig);
  auto [ours, theirs] = tcp_pair();
  party.echo = true;
  rig.io->adopt(party.socket, ours, Side::client);
  rig.io->recv_start(party.socket);
  write_all(theirs, "hello");
  rig.io->run_once(base::kSecond);
  rig.turns(2);
  CHECK(read_exactly(theirs, 5) == "hello");
}

TEST_CASE("an Io may be made on one thread and run on another") {
  Rig rig;
  std::thread worker([&] {
    auto [ours, theirs] = unix_pair();
    Party party(rig);
    rig.io->adopt(party.socket, ours, Side::client);
    rig.io->recv_start(party.socket);
    write_all(theirs, "hello");
    CHECK(rig.until([&] { return party.received == "hello"; }));
    rig.io->close(party.socket, CloseHow::orderly);
    CHECK(rig.until([&] { return party.closed == 1; }));
    rig.turns(1);
  });
  worker.join();
}

}  // namespace
}  // namespace headrace::io::test
