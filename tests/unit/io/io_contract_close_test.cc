// Goal: how connections end, and fail, is the same on every Io (io_contract_test.cc has how they
// live). Method: as there: one body a promise, on a fresh Io of each kind (io_stage.h).
#include <doctest/doctest.h>

#include "io_stage.h"

namespace headrace::io::test {
namespace {

using base::kMillisecond;

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

TEST_CASE("a half-close follows everything queued, and the other direction lives on") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    const std::string request = pattern(400'000);
    const std::string answer = pattern(500'000);
    stage.io().send(pair.near->socket, Slice::borrowed(request));
    stage.io().shutdown_after_send(pair.near->socket);
    pair.far->when_eof = [&] {
      pair.far->stage.io().send(pair.far->socket, Slice::borrowed(answer));
    };
    CHECK(stage.run_until([&] { return pair.near->received.size() == answer.size(); }));
    CHECK(same(pair.far->received, request));
    CHECK(pair.far->eofs == 1);
    CHECK(same(pair.near->received, answer));
    CHECK(pair.near->eofs == 0);
    stage.io().shutdown_after_send(pair.far->socket);
    CHECK(stage.run_until([&] { return pair.near->eofs == 1; }));
    CHECK(pair.near->errors + pair.far->errors == 0);
    pair.close_all();
  });
}

TEST_CASE("an orderly close lets the peer read everything, then the end") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    const std::string all = pattern(100'000);
    pair.near->socket.prompt_sent = true;
    pair.near->when_sent = [&] {
      if (pair.near->socket.queued_bytes() == 0) pair.near->close();
    };
    stage.io().send(pair.near->socket, Slice::borrowed(all));
    CHECK(stage.run_until([&] { return pair.far->ended(); }));
    CHECK(same(pair.far->received, all));
    CHECK(pair.far->eofs == 1);
    CHECK(pair.far->errors == 0);
    pair.close_all();
    CHECK(pair.near->closes == 1);
  });
}

TEST_CASE("an orderly close with bytes unread does not take back what was sent") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    stage.io().pause(pair.far->socket, kPausePipeline);
    pair.near->send("more than anybody wants to read");
    stage.run_for(5 * kMillisecond);
    pair.far->socket.prompt_sent = true;
    pair.far->when_sent = [&] {
      if (pair.far->socket.queued_bytes() == 0) pair.far->close();
    };
    pair.far->send("a final reply");
    CHECK(stage.run_until([&] { return pair.near->ended(); }));
    CHECK(pair.near->received == "a final reply");
    CHECK(pair.near->eofs == 1);
    pair.close_all();
  });
}

TEST_CASE("an end that arrives while paused is reported after the bytes before it") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    stage.io().pause(pair.near->socket, kPauseBackpressure);
    pair.far->send("last words");
    stage.run_for(5 * kMillisecond);
    pair.far->close();
    CHECK(stage.run_until([&] { return pair.far->closes == 1; }));
    stage.run_for(5 * kMillisecond);
    stage.io().resume(pair.near->socket, kPauseBackpressure);
    CHECK(stage.run_until([&] { return pair.near->ended(); }));
    CHECK(pair.near->received == "last words");
    CHECK(pair.near->eofs == 1);
    pair.close_all();
  });
}

TEST_CASE("an aborting close resets the peer") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    pair.near->close(CloseHow::abort);
    CHECK(stage.run_until([&] { return pair.far->ended(); }));
    CHECK(pair.far->errors == 1);
    CHECK(pair.far->eofs == 0);
    CHECK(pair.far->error.code == base::Errc::client_closed);
    CHECK(pair.far->error.blame == base::Blame::client);
    pair.close_all();
  });
}

TEST_CASE("a reset of an upstream is its fault, and another target may be tried") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    pair.far->close(CloseHow::abort);
    CHECK(stage.run_until([&] { return pair.near->ended(); }));
    CHECK(pair.near->errors == 1);
    CHECK(pair.near->error.code == base::Errc::upstream_reset);
    CHECK(pair.near->error.retry == base::Retry::next_target);
    pair.close_all();
  });
}

TEST_CASE("an answer that arrived before the reset is delivered before the error") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    const std::string upload = pattern(20'000'000);
    stage.io().pause(pair.far->socket, kPauseBackpressure);
    stage.io().send(pair.near->socket, Slice::borrowed(upload));
    stage.run_for(5 * kMillisecond);
    pair.far->send("413 too much");
    REQUIRE(
        stage.run_until([&] { return pair.near->received.size() == 12 || pair.far->sents == 1; }));
    stage.run_for(kMillisecond);
    pair.far->close();  // with bytes unread: the kernel answers what still comes with RST
    CHECK(stage.run_until([&] { return pair.near->errors == 1; }));
    CHECK(pair.near->received == "413 too much");
    pair.close_all();
  });
}

TEST_CASE("sending to a peer that is gone is one error, and nothing after it") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    const std::string much = pattern(1'000'000);
    stage.io().pause(pair.near->socket, kPauseBackpressure);
    pair.far->close();
    CHECK(stage.run_until([&] { return pair.far->closes == 1; }));
    // The first bytes draw the RST; later ones find it.
    for (int i = 0; i < 200 && pair.near->errors == 0; ++i) {
      stage.io().send(pair.near->socket, Slice::borrowed(std::string_view(much).substr(0, 5000)));
      stage.run_for(kMillisecond);
      if (i == 20) stage.io().resume(pair.near->socket, kPauseBackpressure);
    }
    CHECK(pair.near->errors == 1);
    stage.run_for(5 * kMillisecond);
    CHECK(pair.near->errors == 1);
    pair.close_all();
  });
}

TEST_CASE("a refused connect is reported once, later, and close is still due") {
  on_every_io([](Stage& stage) {
    End near(stage);
    const Address nowhere = stage.dead_address();
    REQUIRE(stage.io().connect(near.socket, nowhere.storage, nowhere.size, Side::upstream).ok());
    CHECK(near.connects == 0);
    CHECK(stage.run_until([&] { return near.connects == 1; }));
    CHECK(near.error.code == base::Errc::connect_failed);
    CHECK(near.error.os_errno == ECONNREFUSED);
    CHECK_FALSE(near.socket.is_open());
    stage.run_for(5 * kMillisecond);
    near.close();
    CHECK(near.closes == 0);
    CHECK(stage.run_until([&] { return near.closes == 1; }));
    CHECK(near.connects == 1);
    CHECK(near.errors == 0);
  });
}

TEST_CASE("a socket may be closed while it connects, and be used again") {
  on_every_io([](Stage& stage) {
    Door door(stage);
    End near(stage);
    for (int round = 1; round <= 3; ++round) {
      const auto status =
          stage.io().connect(near.socket, door.address.storage, door.address.size, Side::upstream);
      REQUIRE(status.ok());
      near.send("never sent, perhaps");
      near.close();
      CHECK(near.closes == round - 1);
      CHECK(stage.run_until([&] { return near.closes == round; }));
    }
    CHECK(near.connects == 0);
    REQUIRE(stage.io()
                .connect(near.socket, door.address.storage, door.address.size, Side::upstream)
                .ok());
    CHECK(stage.run_until([&] { return near.connects == 1; }));
    near.close();
    CHECK(stage.run_until([&] { return near.closes == 4; }));
    stage.run_for(20 * kMillisecond);  // the other ends arrive, perhaps
    for (auto& end : door.ends) {
      if (!end->socket.is_closed()) end->close();
    }
    CHECK(stage.run_until([&] {
      for (auto& end : door.ends) {
        if (end->closes != 1) return false;
      }
      return true;
    }));
    door.stop();
  });
}

TEST_CASE("on_closed comes once and never from inside close, wherever close is called") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    pair.far->when_data = [&] {
      pair.far->close(CloseHow::orderly);
      CHECK(pair.far->closes == 0);
      pair.far->close(CloseHow::orderly);  // closing again is nothing
      CHECK(pair.far->closes == 0);
    };
    pair.near->when_eof = pair.near->when_error = [&] {
      pair.near->close();
      CHECK(pair.near->closes == 0);
    };
    pair.near->send("one");
    CHECK(stage.run_until([&] { return pair.far->closes == 1 && pair.near->closes == 1; }));
    stage.run_for(10 * kMillisecond);
    CHECK(pair.far->closes == 1);
    CHECK(pair.near->closes == 1);
    CHECK_FALSE(pair.far->received.empty());
    pair.close_all();
  });
}

TEST_CASE("closing with bytes queued drops them and returns every buffer") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    stage.io().pause(pair.far->socket, kPauseBackpressure);
    for (int i = 0; i < 300; ++i) {
      stage.io().send(pair.near->socket, stage.io().blocks().copy_of(pattern(40'000)));
    }
    REQUIRE(stage.run_until([&] { return pair.near->socket.sending(); }));
    pair.near->close(CloseHow::abort);
    CHECK(stage.run_until([&] { return pair.near->closes == 1; }));
    CHECK(pair.near->socket.queued_bytes() == 0);
    CHECK(stage.io().blocks().blocks_out() == 0);
    pair.close_all();
  });
}

TEST_CASE("a listener that stops lets what it accepted live") {
  on_every_io([](Stage& stage) {
    Pair pair(stage);
    pair.door.stop();
    echo(*pair.far);
    pair.near->send("still here");
    CHECK(stage.run_until([&] { return pair.near->received == "still here"; }));
    End late(stage);
    const Address& address = pair.door.address;
    REQUIRE(stage.io().connect(late.socket, address.storage, address.size, Side::upstream).ok());
    CHECK(stage.run_until([&] { return late.connects == 1; }));
    CHECK(late.error.code == base::Errc::connect_failed);
    late.close();
    pair.near->close();
    pair.far->held.clear();
    pair.far->close();
    CHECK(stage.run_until([&] { return late.closes + pair.near->closes + pair.far->closes == 3; }));
  });
}

}  // namespace headrace::io::test
