// Goal: what socket.h and io.h promise holds on every Io alike: epoll, io_uring and the simulator.
// Method: one body a promise, run on a fresh Io of each kind (io_stage.h); the simulator with 40
// seeds of a bumpy kernel, so that short, late and reordered completions are part of it.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "base/prng.h"
#include "io_stage.h"

namespace headrace::io::test {
namespace {

using base::kMillisecond;
using base::kSecond;

struct Alarm {
  explicit Alarm(std::vector<int>& log_to, int number) : log(log_to), id(number) {
    timer.bind<&Alarm::on_fire>(*this);
  }
  void on_fire() { log.push_back(id); }
  Timer timer;
  std::vector<int>& log;
  int id;
};

// Sends at the end of a turn what was noted during it.
struct Evening final : TurnEndOwner {
  explicit Evening(End& end_to) : end(end_to) {}
  void note(std::string_view word) {
    noted += word;
    end.stage.io().at_turn_end(*this);
  }
  void on_turn_end() override {
    CHECK(end.stage.inside());
    ++calls;
    end.send(std::exchange(noted, {}));
  }
  End& end;
  std::string noted;
  int calls = 0;
};

struct CountedRehearsal final : Rehearsal {
  void rehearse() override { ++times; }
  int times = 0;
};

// Long texts are compared aside: a failure must not print them.
bool same(const std::string& received, std::string_view wanted) {
  return received == wanted;
}

void echo(End& end) {
  end.hold = true;
  end.when_data = [&end] {
    end.stage.io().send(end.socket, std::move(end.held.back()));
    end.held.clear();
  };
}

}  // namespace

TEST_CASE("bytes go there and back") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    echo(*pair.far);
    pair.near->send("hello");
    CHECK(stage.run_until([&] { return pair.near->received == "hello"; }));
    CHECK(pair.far->received == "hello");
    pair.close_all();
    CHECK(pair.near->connects == 1);
    CHECK(pair.near->errors == 0);
  });
}

TEST_CASE("the end of a turn comes once however often it was asked for, and what it sends leaves") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    Evening evening(*pair.far);
    pair.far->when_data = [&] {  // asked for by events, and more than once in one
      evening.note("a");
      evening.note("b");
    };
    pair.near->send("hello");
    // However the greeting was cut: two words for each piece.
    CHECK(stage.run_until([&] { return pair.far->received == "hello"; }));
    CHECK(stage.run_until([&] { return pair.near->received.size() >= 2; }));
    stage.run_for(kMillisecond);
    CHECK(pair.near->received.substr(0, 2) == "ab");
    CHECK(evening.calls <= static_cast<int>(pair.far->received.size()));
    pair.far->when_data = nullptr;
    // From outside of a turn it is the end of the turn before.
    const int calls = evening.calls;
    evening.note("later");
    CHECK(evening.calls == calls);
    CHECK(stage.run_until([&] { return pair.near->received.ends_with("later"); }));
    CHECK(evening.calls == calls + 1);
    pair.close_all();
  });
}

TEST_CASE("the wall clock stands still while events are handled, and goes on with the next turn") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    pair.far->when_data = [&] {
      if (first == 0) {
        first = stage.io().wall_clock();
        CHECK(first == stage.io().wall_clock());
      } else {
        second = stage.io().wall_clock();
      }
    };
    pair.near->send("x");
    CHECK(stage.run_until([&] { return first != 0; }));
    stage.run_for(2 * kMillisecond);
    pair.near->send("x");
    CHECK(stage.run_until([&] { return second != 0; }));
    CHECK(second >= first + static_cast<std::uint64_t>(kMillisecond));
    pair.close_all();
  });
}

TEST_CASE("what is queued while connecting leaves once connected") {
  on_every_io([](Stage& stage) {
    Door door(stage);
    End near(stage);
    REQUIRE(stage.io()
                .connect(near.socket, door.address.storage, door.address.size, Side::upstream)
                .ok());
    CHECK(near.connects == 0);
    near.send("early");
    CHECK(stage.run_until(
        [&] { return door.ends.size() == 1 && door.ends[0]->received == "early"; }));
    near.close();
    door.ends[0]->close();
    CHECK(stage.run_until([&] { return near.closes == 1 && door.ends[0]->closes == 1; }));
    door.stop();
  });
}

TEST_CASE("pieces of every size, borrowed, copied and leased, arrive in order") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    base::Prng prng(7);
    const std::string all = pattern(300'000);
    std::string_view left = all;
    while (!left.empty()) {
      const std::size_t size = std::min<std::size_t>(
          left.size(), prng.chance(0.7) ? prng.between(1, 300) : prng.between(1, 20'000));
      const std::string_view piece = left.substr(0, size);
      left.remove_prefix(size);
      switch (prng.below(3)) {
        case 0:
          stage.io().send_copy(pair.near->socket, piece);
          break;
        case 1:
          stage.io().send(pair.near->socket, Slice::borrowed(piece));
          break;
        default:
          stage.io().send(pair.near->socket, stage.io().blocks().copy_of(piece));
          break;
      }
      if (prng.chance(0.05)) stage.run_for(20 * base::kMicrosecond);
    }
    CHECK(stage.run_until([&] { return pair.far->received.size() >= all.size(); }));
    CHECK(same(pair.far->received, all));
    pair.close_all();
  });
}

TEST_CASE("a big transfer to a slow reader is exact and leaves the rest in the queue") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    const std::string all = pattern(stage.virtual_time() ? 600'000 : 12'000'000);
    stage.io().pause(pair.far->socket, kPauseBackpressure);
    stage.io().send(pair.near->socket, Slice::borrowed(all));
    stage.run_for(30 * kMillisecond);
    CHECK(pair.near->socket.queued_bytes() > 0);
    CHECK(pair.near->socket.sending());
    CHECK(pair.far->received.size() <= Socket::kOvershootBytes);
    int reads = 0;
    pair.far->when_data = [&] {
      if (++reads % 50 == 0) stage.io().pause(pair.far->socket, kPauseBackpressure);
    };
    while (pair.far->received.size() < all.size()) {
      stage.io().resume(pair.far->socket, kPauseBackpressure);
      const int before = reads;
      REQUIRE(stage.run_until([&] { return reads > before; }));
    }
    CHECK(same(pair.far->received, all));
    CHECK(stage.run_until([&] { return pair.near->socket.queued_bytes() == 0; }));
    CHECK(pair.near->sents > 1);
    CHECK(stage.io().counters().short_sends > 0);
    pair.close_all();
  });
}

TEST_CASE("while any reason to pause is left at most the overshoot arrives") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    const std::string all = pattern(1'000'000);
    stage.io().pause(pair.far->socket, kPauseBackpressure);
    stage.io().pause(pair.far->socket, kPausePipeline);
    stage.io().send(pair.near->socket, Slice::borrowed(all));
    stage.run_for(10 * kMillisecond);
    stage.io().resume(pair.far->socket, kPauseBackpressure);
    stage.run_for(10 * kMillisecond);
    CHECK(pair.far->socket.paused());
    CHECK(pair.far->arrived_paused <= Socket::kOvershootBytes);
    stage.io().resume(pair.far->socket, kPausePipeline);
    CHECK(stage.run_until([&] { return pair.far->received.size() == all.size(); }));
    CHECK(same(pair.far->received, all));
    pair.close_all();
  });
}

TEST_CASE("bytes that arrived before recv_start are delivered after it") {
  on_every_io([](Stage& stage) {
    Door door(stage);
    door.receive_at_once = false;
    End near(stage);
    REQUIRE(stage.io()
                .connect(near.socket, door.address.storage, door.address.size, Side::upstream)
                .ok());
    near.send("early bird");
    REQUIRE(stage.run_until([&] { return door.ends.size() == 1 && near.sents == 1; }));
    stage.run_for(5 * kMillisecond);
    End& far = *door.ends[0];
    CHECK(far.received.empty());
    stage.io().recv_start(far.socket);
    CHECK(stage.run_until([&] { return far.received == "early bird"; }));
    near.close();
    CHECK(stage.run_until([&] { return far.eofs == 1; }));
    far.close();
    CHECK(stage.run_until([&] { return near.closes == 1 && far.closes == 1; }));
    door.stop();
  });
}

TEST_CASE("timers fire in order, not early, and run_once returns by the end of its wait") {
  on_every_io([](Stage& stage) {
    Io& io = stage.io();
    std::vector<int> log;
    Alarm third(log, 3), first(log, 1), second(log, 2), never(log, 9);
    const base::Nanos start = io.clock();
    io.timers().schedule(third.timer, start + 9 * kMillisecond);
    io.timers().schedule(first.timer, start + 2 * kMillisecond);
    io.timers().schedule(second.timer, start + 4 * kMillisecond);
    io.timers().schedule(never.timer, start + 100 * kSecond);
    CHECK(stage.run_until([&] { return !log.empty(); }));
    CHECK(io.now() >= start + 2 * kMillisecond);
    CHECK(stage.run_until([&] { return log.size() == 3; }));
    CHECK(io.now() >= start + 9 * kMillisecond);
    CHECK(log == std::vector<int>{1, 2, 3});
    const std::uint64_t turns = io.turn();
    io.run_once(3 * kMillisecond);
    CHECK(io.turn() == turns + 1);
    CHECK(io.clock() - start < 10 * kSecond);
    io.timers().cancel(never.timer);
  });
}

TEST_CASE("wake ends a long wait, from another thread too") {
  struct Woken final : WakeOwner {
    void on_wake() override { ++wakes; }
    int wakes = 0;
  };
  on_every_io([](Stage& stage) {
    Woken woken;
    stage.io().set_wake_owner(&woken);
    stage.io().run_once(0);
    if (stage.virtual_time()) {
      stage.io().wake();
      CHECK(stage.run_until([&] { return woken.wakes == 1; }));
      return;
    }
    for (int round = 1; round <= 3; ++round) {
      std::thread other([&] { stage.io().wake(); });
      CHECK(stage.run_until([&] { return woken.wakes >= round; }));
      other.join();
    }
  });
}

TEST_CASE("small pieces behind a busy socket are coalesced") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    stage.io().pause(pair.far->socket, kPauseBackpressure);
    const std::string bulk = pattern(stage.virtual_time() ? 600'000 : 20'000'000);
    std::string all = bulk;
    stage.io().send(pair.near->socket, Slice::borrowed(bulk));
    // The kernel has taken what fits, and the rest waits for room that nobody makes.
    REQUIRE(stage.run_until(
        [&] { return pair.near->socket.sending() && stage.io().counters().short_sends != 0; }));
    const std::uint64_t before = stage.io().counters().coalesced_bytes;
    const std::string event = pattern(200);
    for (int i = 0; i < 500; ++i) {
      stage.io().send(pair.near->socket, stage.io().blocks().copy_of(event));
      all += event;
    }
    CHECK(stage.io().counters().coalesced_bytes - before >= 400 * event.size());
    CHECK(pair.near->socket.queue.count() < 60);
    stage.io().resume(pair.far->socket, kPauseBackpressure);
    CHECK(stage.run_until([&] { return pair.far->received.size() == all.size(); }));
    CHECK(same(pair.far->received, all));
    CHECK(stage.run_until([&] { return pair.near->socket.queued_bytes() == 0; }));
    pair.close_all();
  });
}

TEST_CASE("what one turn queues for one socket is handed over in that turn, as one send") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    pair.far->when_data = [&] {
      if (pair.far->received != "go") return;
      for (const char* piece : {"a", "b", "c", "d"}) {
        stage.io().send(pair.far->socket, Slice::borrowed(piece));
      }
    };
    const std::uint64_t before = stage.io().counters().sends;
    pair.near->send("go");
    CHECK(stage.run_until([&] { return pair.near->received.size() == 4; }));
    CHECK(stage.run_until([&] { return pair.far->socket.queued_bytes() == 0; }));
    CHECK(pair.near->received == "abcd");
    if (stage.io().counters().short_sends == 0 && pair.far->received == "go") {
      CHECK(stage.io().counters().sends - before <= 2 + (pair.far->sents > 1 ? 1 : 0));
    }
    pair.close_all();
  });
}

TEST_CASE("many sockets at once each get their own bytes") {
  on_every_io([](Stage& stage) {
    const std::size_t count = stage.virtual_time() ? 40 : 200;
    Door door(stage);
    door.when_accepted = [](End& end) { echo(end); };
    std::vector<std::unique_ptr<End>> ends;
    std::vector<std::string> wanted;
    for (std::size_t i = 0; i < count; ++i) {
      ends.push_back(std::make_unique<End>(stage));
      const auto status = stage.io().connect(
          ends[i]->socket, door.address.storage, door.address.size, Side::upstream);
      REQUIRE(status.ok());
      wanted.push_back(std::to_string(i) + pattern(100 + i * 37));
      ends[i]->send(wanted[i]);
    }
    CHECK(stage.run_until([&] {
      for (std::size_t i = 0; i < count; ++i) {
        if (ends[i]->received.size() < wanted[i].size()) return false;
      }
      return true;
    }));
    std::size_t right = 0;
    for (std::size_t i = 0; i < count; ++i) right += ends[i]->received == wanted[i] ? 1 : 0;
    CHECK(right == count);
    CHECK(door.ends.size() == count);
    for (auto& end : ends) end->close();
    for (auto& end : door.ends) end->close();
    CHECK(stage.run_until([&] {
      for (std::size_t i = 0; i < count; ++i) {
        if (ends[i]->closes + door.ends[i]->closes != 2) return false;
      }
      return true;
    }));
    door.stop();
  });
}

TEST_CASE("sockets without a buffer wait for one, and lose nothing") {
  StageOptions tight;
  tight.upstreams = {.buffer_bytes = 1024, .initial = 4, .cap = 4};
  on_every_io(
      [](Stage& stage) {
        const std::string all = pattern(stage.virtual_time() ? 10'000 : 50'000);
        std::vector<std::unique_ptr<Pair>> pairs;
        for (int i = 0; i < 6; ++i) {
          pairs.push_back(std::make_unique<Pair>(stage));
          pairs.back()->near->hold = true;
          stage.io().send(pairs.back()->far->socket, Slice::borrowed(all));
        }
        // Everybody holds what he has until all buffers are out; then they come back a few at a
        // time.
        const auto complete = [&] {
          for (auto& pair : pairs) {
            if (pair->near->received.size() < all.size()) return false;
          }
          return true;
        };
        base::Prng prng(3);
        for (int round = 0; !complete(); ++round) {
          REQUIRE(round < 100'000);
          stage.run_for(100 * base::kMicrosecond);
          for (auto& pair : pairs) {
            if (prng.chance(0.5)) pair->near->held.clear();
          }
        }
        CHECK(stage.io().counters().starved > 0);
        for (auto& pair : pairs) {
          CHECK(same(pair->near->received, all));
          pair->close_all();
        }
      },
      tight);
}

TEST_CASE("random traffic in both directions with pauses is exact") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    base::Prng prng(11);
    End* ends[] = {pair.near.get(), pair.far};
    const std::string all = pattern(200'000);
    std::size_t sent[] = {0, 0};
    while (sent[0] < all.size() || sent[1] < all.size()) {
      for (int side = 0; side < 2; ++side) {
        const std::size_t size =
            std::min<std::size_t>(all.size() - sent[side], prng.between(1, 6000));
        if (size != 0 && prng.chance(0.6) && ends[side]->socket.queued_bytes() < 100'000) {
          ends[side]->send(std::string_view(all).substr(sent[side], size));
          sent[side] += size;
        }
        if (prng.chance(0.1)) stage.io().pause(ends[side]->socket, kPauseBackpressure);
        if (prng.chance(0.2)) stage.io().resume(ends[side]->socket, kPauseBackpressure);
      }
      stage.run_for(20 * base::kMicrosecond);
    }
    for (End* end : ends) stage.io().resume(end->socket, kPauseBackpressure);
    CHECK(stage.run_until([&] {
      return ends[0]->received.size() == all.size() && ends[1]->received.size() == all.size();
    }));
    CHECK(same(ends[0]->received, all));
    CHECK(same(ends[1]->received, all));
    pair.close_all();
  });
}

TEST_CASE("who polls rehearses while nothing comes, who sleeps does not") {
  on_every_io([](Stage& stage) {
    stage.run_for(kMillisecond);  // with nothing to rehearse
    CountedRehearsal rehearsal;
    stage.io().set_rehearsal(&rehearsal);
    stage.run_for(2 * kMillisecond);
    CHECK((rehearsal.times != 0) == stage.polls());
    CHECK(rehearsal.times <= 100);
    stage.io().set_rehearsal(nullptr);
    const int before = rehearsal.times;
    stage.run_for(kMillisecond);
    CHECK(rehearsal.times == before);
  });
}

}  // namespace headrace::io::test
