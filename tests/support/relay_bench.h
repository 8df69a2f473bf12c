// A relay alone: an Io that only lends its memory, and a sink that writes down what it gets.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "io/io.h"
#include "relay/relay.h"

namespace headrace::test {

// An Io whose verbs do nothing: the relay only uses its memory.
class IdleIo final : public io::Io {
 public:
  IdleIo(io::ReceivePool& clients, io::ReceivePool& upstreams) : Io(clients, upstreams) {}
  std::string_view name() const override { return "idle"; }
  base::Nanos clock() const override { return 0; }
  std::uint64_t read_wall_clock() const override { return 0; }
  void listen_start(io::Listener&, int) override {}
  void listen_stop(io::Listener&) override {}
  void adopt(io::Socket&, int, io::Side) override {}
  base::Status connect(io::Socket&, const sockaddr_storage&, socklen_t, io::Side) override {
    return {};
  }
  void recv_start(io::Socket&) override {}
  void pause(io::Socket&, io::PauseReason) override {}
  void resume(io::Socket&, io::PauseReason) override {}
  void close(io::Socket&, io::CloseHow) override {}
  void wake() override {}
  void run_once(base::Nanos) override {}
};

class WritingSink final : public api::AnswerSink {
 public:
  void begin(const api::AnswerHead& head, io::Slice first) override {
    begun = true;
    kind = head.kind;
    body(std::move(first));
  }
  void body(io::Slice piece) override {
    CHECK(begun);
    CHECK_FALSE(finished);
    if (!piece.empty()) pieces.emplace_back(piece.view());
  }
  void finish() override { finished = true; }
  void abort() override { aborted = true; }
  std::size_t queued_bytes() const override { return queued; }

  std::string text() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }

  std::vector<std::string> pieces;
  api::BodyKind kind = api::BodyKind::length;
  std::size_t queued = 0;
  bool begun = false;
  bool finished = false;
  bool aborted = false;
};

struct RelayBench {
  RelayBench() : relay(io, sink) {}
  ~RelayBench() { relay.drop(); }

  // As a receive would bring it, in as many buffers as it takes. True when commit was due.
  bool feed(std::string_view bytes) {
    bool due = false;
    while (!bytes.empty()) {
      io::Buffer* buffer = upstreams.take();
      REQUIRE(buffer != nullptr);
      const std::size_t count = std::min(bytes.size(), upstreams.buffer_bytes());
      std::memcpy(upstreams.landing(*buffer), bytes.data(), count);
      switch (relay.take(upstreams.received(*buffer, count))) {
        case relay::Due::commit:
          due = true;
          relay.commit({});
          break;
        case relay::Due::failure:
          ++failures;
          return due;
        case relay::Due::nothing:
          break;
      }
      bytes.remove_prefix(count);
    }
    return due;
  }

  io::ReceivePool clients{{.initial = 2, .cap = 64}};
  io::ReceivePool upstreams{{.initial = 8, .cap = 2048}};
  IdleIo io{clients, upstreams};
  WritingSink sink;
  relay::Relay relay;
  int failures = 0;
};

}  // namespace headrace::test
