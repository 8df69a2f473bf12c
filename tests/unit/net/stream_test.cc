// Goal: a Stream keeps the contract of a socket (io/socket.h) plain and under TLS alike, on every
// Io; and what only TLS adds: nothing is sent to who is not trusted, an end that TLS did not
// announce is told apart, a turn's sends share a record. Method: a stream dials another one in the
// same Io (io_stage.h), epoll, io_uring and the simulator with bumpy seeds; beside it a bare socket
// that speaks to a stream byte by byte.
#include "net/stream.h"

#include <doctest/doctest.h>

#include "../io/io_stage.h"
#include "base/limits.h"
#include "tls_pair.h"
#include "tls_text.h"

namespace headrace::net::test {
namespace {

using base::Errc;
using base::kMillisecond;
using base::kSecond;
using io::CloseHow;
using io::test::Door;
using io::test::End;
using io::test::on_every_io;
using io::test::pattern;
using io::test::Stage;

// One end of a connection, as io_stage's End.
class StreamEnd final : public io::SocketOwner {
 public:
  explicit StreamEnd(Stage& stage_of) : stream(stage_of.io(), *this), stage(stage_of) {}
  ~StreamEnd() { CHECK(stream.is_closed()); }

  void on_connected(base::Status status) override {
    CHECK(stage.inside());
    ++connects;
    error = status.error();
    if (reads_at_once && status.ok()) stream.recv_start();
    if (when_connected) when_connected();
  }
  void on_data(io::Slice slice) override {
    CHECK(stage.inside());
    CHECK_FALSE(slice.empty());
    CHECK(eofs + errors == 0);
    received += slice.view();
    pieces.push_back(slice.size());
    if (when_data) when_data();
  }
  void on_eof() override {
    CHECK(stage.inside());
    ++eofs;
    if (when_eof) when_eof();
  }
  void on_error(base::Error why) override {
    CHECK(stage.inside());
    ++errors;
    error = why;
  }
  void on_sent() override {
    CHECK(stage.inside());
    ++sents;
    if (when_sent) when_sent();
  }
  void on_closed() override {
    CHECK(stage.inside());
    ++closes;
  }
  bool ended() const { return eofs + errors != 0; }
  void send(std::string_view bytes) { stream.send_copy(bytes); }

  Stream stream;
  Stage& stage;
  std::string received;
  std::vector<std::size_t> pieces;
  int connects = 0, eofs = 0, errors = 0, sents = 0, closes = 0;
  base::Error error{};
  bool reads_at_once = true;
  std::function<void()> when_connected, when_data, when_eof, when_sent;
};

// Takes what comes as streams, with or without TLS.
class StreamDoor final : public io::ListenerOwner {
 public:
  StreamDoor(Stage& stage_of, const TlsServer* tls_of)
      : listener(*this), stage(stage_of), tls(tls_of) {
    stage.io().listen_start(listener, stage.make_listener(address));
  }
  void on_accept(int fd) override {
    ends.push_back(std::make_unique<StreamEnd>(stage));
    StreamEnd& end = *ends.back();
    if (tls != nullptr) {
      end.stream.adopt(fd, io::Side::client, *tls);
    } else {
      end.stream.adopt(fd, io::Side::client);
    }
    if (reads_at_once) end.stream.recv_start();
  }
  void on_accept_error(base::Error) override {}
  void on_listener_closed() override {}

  io::Listener listener;
  Stage& stage;
  const TlsServer* tls;
  io::test::Address address;
  std::vector<std::unique_ptr<StreamEnd>> ends;
  bool reads_at_once = true;
};

struct Terms {
  Terms() {
    house.write("good", CertificatePlan{});
    house.write("expired", {.begins = -7200, .ends = -3600});
    client = make_client(house);
    server = make_server(house, {"good"});
    expired = make_server(house, {"expired"});
  }
  CertificateHouse house;
  std::shared_ptr<const TlsClient> client;
  std::shared_ptr<const TlsServer> server;
  std::shared_ptr<const TlsServer> expired;
};

const Terms& terms() {
  static const Terms made;
  return made;
}

struct Pair {
  Pair(Stage& stage_of, bool tls, TlsSessions* tickets = nullptr)
      : stage(stage_of), door(stage_of, tls ? terms().server.get() : nullptr), near(stage_of) {
    dial(tls, tickets);
    CHECK(stage.run_until([&] { return near.connects == 1 && !door.ends.empty(); }));
    CHECK(near.error.code == Errc::ok);
    far = door.ends.front().get();
  }
  void dial(bool tls, TlsSessions* tickets) {
    const auto& [storage, size] = door.address;
    const base::Status status =
        tls ? near.stream.connect(storage, size, io::Side::upstream, *terms().client, tickets)
            : near.stream.connect(storage, size, io::Side::upstream);
    REQUIRE(status.ok());
  }
  // The far end's handshake may be a flight behind.
  void greet() {
    near.send("hi");
    CHECK(stage.run_until([&] { return far->received == "hi"; }));
    far->received.clear();
    far->pieces.clear();
  }
  void close_all() {
    near.stream.close(CloseHow::orderly);
    for (const auto& end : door.ends) end->stream.close(CloseHow::orderly);
    stage.io().listen_stop(door.listener);
    CHECK(stage.run_until([&] {
      bool closed = near.stream.is_closed() && door.listener.fd < 0;
      for (const auto& end : door.ends) closed = closed && end->stream.is_closed();
      return closed;
    }));
    stage.run_for(2 * kMillisecond);
    CHECK(near.closes == 1);
    CHECK(stage.io().blocks().blocks_out() == 0);
  }
  Stage& stage;
  StreamDoor door;
  StreamEnd near;
  StreamEnd* far = nullptr;
};

void on_every_stream(const std::function<void(Stage&, bool tls)>& body) {
  on_every_io([&](Stage& stage) { body(stage, false); });
  on_every_io([&](Stage& stage) { body(stage, true); });
}

}  // namespace

TEST_CASE("bytes go there and back, plain and under TLS") {
  on_every_stream([](Stage& stage, bool tls) {
    Pair pair(stage, tls);
    CHECK(pair.near.stream.is_tls() == tls);
    pair.far->when_data = [&] { pair.far->send("echo"); };
    pair.near.send("hello");
    CHECK(stage.run_until([&] { return pair.far->received == "hello"; }));
    CHECK(stage.run_until([&] { return pair.near.received.starts_with("echo"); }));
    pair.close_all();
    CHECK(pair.near.errors == 0);
  });
}

TEST_CASE("what is queued while connecting leaves once connected, in order") {
  on_every_stream([](Stage& stage, bool tls) {
    StreamDoor door(stage, tls ? terms().server.get() : nullptr);
    StreamEnd near(stage);
    const auto& [storage, size] = door.address;
    if (tls) {
      REQUIRE(
          near.stream.connect(storage, size, io::Side::upstream, *terms().client, nullptr).ok());
    } else {
      REQUIRE(near.stream.connect(storage, size, io::Side::upstream).ok());
    }
    near.send("one ");
    near.stream.send(io::Slice::borrowed("two "));
    near.send("three");
    CHECK(stage.run_until(
        [&] { return !door.ends.empty() && door.ends[0]->received == "one two three"; }));
    near.stream.close(CloseHow::orderly);
    door.ends[0]->stream.close(CloseHow::orderly);
    stage.io().listen_stop(door.listener);
    CHECK(stage.run_until([&] {
      return near.stream.is_closed() && door.ends[0]->stream.is_closed() && door.listener.fd < 0;
    }));
  });
}

TEST_CASE("much more than fits anywhere comes through whole, and memory stays bounded") {
  on_every_stream([](Stage& stage, bool tls) {
    Pair pair(stage, tls);
    const std::string text = pattern(1'000'000);
    pair.near.stream.send(io::Slice::borrowed(text));
    std::size_t blocks = 0;
    CHECK(stage.run_until([&] {
      blocks = std::max(blocks, stage.io().blocks().blocks_out());
      return pair.far->received.size() == text.size();
    }));
    CHECK((pair.far->received == text));
    CHECK(blocks < 16);
    CHECK(pair.near.stream.queued_bytes() == 0);
    pair.close_all();
  });
}

TEST_CASE("what one turn sends in small pieces leaves as one record") {
  on_every_io([](Stage& stage) {
    Pair pair(stage, true);
    pair.greet();
    pair.far->when_data = [&] {
      for (int i = 0; i < 10; ++i) {
        pair.far->send("data: ");
        pair.far->stream.send(stage.io().blocks().copy_of("a piece"));
        pair.far->stream.send(io::Slice::borrowed("\n\n"));
      }
    };
    const std::uint64_t sent = stage.io().counters().sent_bytes;
    pair.near.send("go");
    CHECK(stage.run_until([&] { return pair.near.received.size() == 150; }));
    stage.run_for(kMillisecond);
    // One record there and one back, 22 bytes around each, with two tickets of the first answer.
    const std::uint64_t rest = stage.io().counters().sent_bytes - sent - (2 + 22) - (150 + 22);
    CHECK(rest < 600);
    pair.far->when_data = nullptr;
    pair.close_all();
  });
}

TEST_CASE("a reader that pauses is not sent more than a bound, and gets all of it in the end") {
  on_every_stream([](Stage& stage, bool tls) {
    Pair pair(stage, tls);
    pair.greet();
    pair.near.stream.pause(io::kPauseBackpressure);
    stage.run_for(kMillisecond);
    const std::string text = pattern(8'000'000);
    pair.far->stream.send(io::Slice::borrowed(text));
    stage.run_for(20 * kMillisecond);
    CHECK(pair.near.received.size() <= io::Socket::kOvershootBytes + 16 * 1024);
    CHECK(pair.far->stream.queued_bytes() > 0);
    pair.near.stream.resume(io::kPauseBackpressure);
    CHECK(stage.run_until([&] { return pair.near.received.size() == text.size(); }));
    CHECK((pair.near.received == text));
    CHECK(pair.far->stream.queued_bytes() == 0);
    pair.close_all();
  });
}

TEST_CASE("a half-close says that it ends, and the other half still works") {
  on_every_stream([](Stage& stage, bool tls) {
    Pair pair(stage, tls);
    pair.near.send("question");
    pair.near.stream.shutdown_after_send();
    pair.far->when_eof = [&] { pair.far->send("answer"); };
    CHECK(stage.run_until([&] { return pair.far->eofs == 1; }));
    CHECK(pair.far->received == "question");
    CHECK(stage.run_until([&] { return pair.near.received == "answer"; }));
    CHECK(pair.far->errors == 0);
    pair.close_all();
  });
}

TEST_CASE("an orderly close is an end to the other side, with and without TLS") {
  on_every_stream([](Stage& stage, bool tls) {
    Pair pair(stage, tls);
    pair.greet();
    pair.far->stream.close(CloseHow::orderly);
    CHECK(stage.run_until([&] { return pair.near.ended(); }));
    CHECK(pair.near.eofs == 1);
    CHECK(pair.near.errors == 0);
    pair.close_all();
  });
}

TEST_CASE("a connection that ends without TLS having said so is an error, not an end") {
  on_every_io([](Stage& stage) {
    Door door(stage);  // speaks TLS by hand
    StreamEnd near(stage);
    io::BlockPool blocks;
    TlsEngine engine(blocks, *terms().server);
    bool shaken = false;
    const auto flush = [&] {
      while (!engine.output().empty()) door.ends[0]->send(engine.output().pop().view());
    };
    door.when_accepted = [&](End& end) {
      end.hold = true;
      end.when_data = [&] {
        for (io::Slice& slice : end.held) engine.feed(blocks.copy_of(slice.view()));
        end.held.clear();
        if (!shaken) shaken = engine.shake_hands() == Outcome::done;
        if (shaken && end.sents < 100) {
          headrace_test::write_text(engine, "half an ans");
          end.sents = 1000;
        }
        flush();
      };
    };
    REQUIRE(near.stream
                .connect(door.address.storage,
                         door.address.size,
                         io::Side::upstream,
                         *terms().client,
                         nullptr)
                .ok());
    CHECK(stage.run_until([&] { return near.received == "half an ans"; }));
    door.ends[0]->close();
    CHECK(stage.run_until([&] { return near.ended(); }));
    CHECK(near.eofs == 0);
    CHECK(near.error.code == Errc::tls_truncated);
    CHECK(near.error.blame == base::Blame::upstream);
    near.stream.close(CloseHow::orderly);
    door.stop();
    CHECK(stage.run_until([&] {
      return near.stream.is_closed() && door.ends[0]->socket.is_closed() && door.listener.fd < 0;
    }));
  });
}

TEST_CASE("nothing is sent to a server that is not trusted, and the reason is known") {
  on_every_io([](Stage& stage) {
    StreamDoor door(stage, terms().expired.get());
    StreamEnd near(stage);
    const auto& [storage, size] = door.address;
    REQUIRE(near.stream.connect(storage, size, io::Side::upstream, *terms().client, nullptr).ok());
    near.send("the key");
    near.when_connected = [&] {
      CHECK(near.stream.failure_text() == "certificate has expired");
      near.stream.close(CloseHow::orderly);
    };
    CHECK(stage.run_until([&] { return near.closes == 1; }));
    CHECK(near.connects == 1);
    CHECK(near.error.code == Errc::tls_untrusted);
    // The server hears why: an alert, and no text.
    CHECK(stage.run_until([&] { return door.ends[0]->errors == 1; }));
    CHECK(door.ends[0]->received.empty());
    CHECK(door.ends[0]->error.code == Errc::tls_failed);
    CHECK(door.ends[0]->stream.failure_text() == "SSLV3_ALERT_CERTIFICATE_EXPIRED");
    door.ends[0]->stream.close(CloseHow::orderly);
    stage.io().listen_stop(door.listener);
    CHECK(
        stage.run_until([&] { return door.ends[0]->stream.is_closed() && door.listener.fd < 0; }));
  });
}

TEST_CASE("a server that does not speak TLS, or says nothing, fails the connection") {
  on_every_io([](Stage& stage) {
    for (const bool silent : {false, true}) {
      if (silent && !stage.virtual_time()) continue;
      Door door(stage);
      StreamEnd near(stage);
      door.when_accepted = [&](End& end) {
        if (!silent) end.send("HTTP/1.1 400 Bad Request\r\n\r\n");
      };
      REQUIRE(near.stream
                  .connect(door.address.storage,
                           door.address.size,
                           io::Side::upstream,
                           *terms().client,
                           nullptr)
                  .ok());
      CHECK(stage.run_until([&] { return near.connects == 1; }));
      CHECK(near.error.code == (silent ? Errc::connect_timeout : Errc::tls_failed));
      CHECK_FALSE(near.stream.failure_text().empty());
      near.stream.close(CloseHow::orderly);
      door.stop();
      for (const auto& end : door.ends) end->close();
      CHECK(stage.run_until([&] {
        return near.stream.is_closed() && door.ends[0]->socket.is_closed() && door.listener.fd < 0;
      }));
    }
  });
}

TEST_CASE("a client that does not speak TLS is told apart before it has said much") {
  on_every_io([](Stage& stage) {
    StreamDoor door(stage, terms().server.get());
    End near(stage);
    REQUIRE(stage.io()
                .connect(near.socket, door.address.storage, door.address.size, io::Side::upstream)
                .ok());
    CHECK(stage.run_until([&] { return near.connects == 1; }));
    near.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    CHECK(stage.run_until([&] { return !door.ends.empty() && door.ends[0]->errors == 1; }));
    CHECK(door.ends[0]->error.code == Errc::tls_failed);
    CHECK(door.ends[0]->error.blame == base::Blame::client);
    CHECK(door.ends[0]->received.empty());
    door.ends[0]->stream.close(CloseHow::orderly);
    near.close();
    stage.io().listen_stop(door.listener);
    CHECK(stage.run_until([&] {
      return near.socket.is_closed() && door.ends[0]->stream.is_closed() && door.listener.fd < 0;
    }));
  });
}

TEST_CASE("plaintext waits, bounded, until somebody asks for it") {
  on_every_io([](Stage& stage) {
    StreamDoor door(stage, terms().server.get());
    door.reads_at_once = false;
    StreamEnd near(stage);
    const auto& [storage, size] = door.address;
    REQUIRE(near.stream.connect(storage, size, io::Side::upstream, *terms().client, nullptr).ok());
    const std::string text = pattern(8'000'000);
    near.stream.send(io::Slice::borrowed(text));
    CHECK(stage.run_until([&] { return !door.ends.empty() && near.connects == 1; }));
    StreamEnd& far = *door.ends[0];
    far.reads_at_once = false;
    stage.run_for(20 * kMillisecond);
    if (far.connects == 0) {
      CHECK(stage.run_until([&] { return far.connects == 1; }));
      stage.run_for(20 * kMillisecond);
    }
    CHECK(far.received.empty());
    CHECK(near.stream.queued_bytes() != 0);
    far.stream.recv_start();
    CHECK(far.received.empty());  // a verb calls nobody back
    CHECK(stage.run_until([&] { return far.received.size() == text.size(); }));
    CHECK((far.received == text));
    near.stream.close(CloseHow::orderly);
    far.stream.close(CloseHow::orderly);
    stage.io().listen_stop(door.listener);
    CHECK(stage.run_until(
        [&] { return near.stream.is_closed() && far.stream.is_closed() && door.listener.fd < 0; }));
  });
}

TEST_CASE("a second connection resumes, and says so") {
  on_every_io([](Stage& stage) {
    TlsSessions tickets;
    for (int i = 0; i < 2; ++i) {
      Pair pair(stage, true, &tickets);
      CHECK(pair.near.stream.resumed() == (i == 1));
      pair.far->when_data = [&] { pair.far->send("x"); };
      pair.near.send("hello");
      CHECK(stage.run_until([&] { return pair.near.received.starts_with("x"); }));
      pair.close_all();
    }
  });
}

TEST_CASE("closing from any event is safe, and nothing comes after it") {
  on_every_stream([](Stage& stage, bool tls) {
    for (int where = 0; where < 3; ++where) {
      Pair pair(stage, tls);
      pair.greet();
      int late = 0;
      const auto close = [&] {
        ++late;
        pair.near.stream.close(where == 2 ? CloseHow::abort : CloseHow::orderly);
      };
      if (where != 1) pair.near.when_data = close;
      if (where == 1) pair.near.when_sent = close;
      if (where == 1) pair.near.send("x");
      pair.far->send(pattern(50'000));
      CHECK(stage.run_until([&] { return pair.near.closes == 1; }));
      if (where != 1) CHECK(late == 1);
      pair.far->stream.close(CloseHow::abort);
      pair.close_all();
    }
  });
}

TEST_CASE("a stream that began plain turns into TLS where it stands") {
  on_every_io([](Stage& stage) {
    Pair pair(stage, false);
    auto server = std::make_unique<TlsEngine>(stage.io().blocks(), *terms().server);
    bool shaken = false;
    std::string read;
    const auto answer_hello = [&] {
      server->feed(stage.io().blocks().copy_of(std::exchange(pair.far->received, {})));
      if (!shaken) shaken = server->shake_hands() == Outcome::done;
      io::Slice plaintext;
      while (shaken && server->read(plaintext) == Outcome::done) read += plaintext.view();
      while (!server->output().empty()) pair.far->stream.send(server->output().pop());
    };
    pair.near.when_data = [&] {
      if (pair.near.received != "go on" || pair.near.stream.is_tls()) return;
      pair.far->when_data = answer_hello;
      pair.near.stream.secure(*terms().client, nullptr);
    };
    pair.far->send("go on");
    CHECK(stage.run_until([&] { return pair.near.connects == 2; }));
    CHECK(pair.near.error.code == Errc::ok);
    CHECK(pair.near.received == "go on");
    pair.near.send("secret");
    CHECK(stage.run_until([&] { return read == "secret"; }));
    CHECK(pair.near.stream.is_tls());
    CHECK(pair.far->received.empty());
    pair.far->when_data = nullptr;
    server.reset();  // it holds blocks
    pair.close_all();
  });
}

TEST_CASE("a reset is an error to either kind") {
  on_every_stream([](Stage& stage, bool tls) {
    Pair pair(stage, tls);
    pair.greet();
    pair.far->stream.close(CloseHow::abort);
    CHECK(stage.run_until([&] { return pair.near.ended(); }));
    CHECK(pair.near.errors == 1);
    CHECK(pair.near.error.code == Errc::upstream_reset);
    pair.close_all();
  });
}

TEST_CASE("what is still queued when a stream closes does not look like everything") {
  on_every_io([](Stage& stage) {
    Pair pair(stage, true);
    pair.greet();
    pair.near.stream.pause(io::kPauseBackpressure);
    const std::string text = pattern(8'000'000);
    pair.far->stream.send(io::Slice::borrowed(text));
    stage.run_for(20 * kMillisecond);
    pair.far->stream.close(CloseHow::orderly);
    pair.near.stream.resume(io::kPauseBackpressure);
    CHECK(stage.run_until([&] { return pair.near.ended(); }));
    CHECK(pair.near.eofs == 0);
    CHECK(pair.near.errors == 1);
    pair.close_all();
  });
}

}  // namespace headrace::net::test
