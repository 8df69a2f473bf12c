// Goal: accepted connections are handed on with what the listener knows of them, and a process
// without descriptors goes on trying. Method: a listener in the simulated world.
#include "server/listener.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "sim_stage.h"

namespace headrace::test {
namespace {

class Owner final : public server::AcceptOwner {
 public:
  explicit Owner(io::Io& io) : io_(io) {}
  void on_client(int fd, const config::Listen& terms) override {
    seen.push_back(terms.half_close);
    io_.discard(fd, {});
  }
  std::vector<config::HalfClose> seen;

 private:
  io::Io& io_;
};

config::Listen terms_of(const std::string& address, config::HalfClose half_close) {
  return {.address = address, .group = {}, .half_close = half_close};
}

struct Bench : SimStage {
  explicit Bench(config::HalfClose half_close) : listener(io, owner, terms_of("a", half_close)) {
    listener.start(net.make_listener(sim::SimNet::address(1, 8080)));
  }
  ~Bench() {
    listener.stop();
    CHECK(run_until([this] { return listener.closed(); }));
  }
  std::unique_ptr<Talker> dial() {
    auto client = std::make_unique<Talker>(net);
    client->dial(sim::SimNet::address(1, 8080));
    return client;
  }

  Owner owner{io};
  server::Listener listener;
};

}  // namespace

TEST_CASE("an accepted connection goes on with the half-close rule of its listener") {
  for (const config::HalfClose rule : {config::HalfClose::cancel, config::HalfClose::ignore}) {
    Bench bench(rule);
    const auto first = bench.dial();
    const auto second = bench.dial();
    bench.settle();
    CHECK(bench.owner.seen == std::vector{rule, rule});
  }
}

TEST_CASE("new terms count for connections from then on, if they are of this place") {
  Bench bench(config::HalfClose::cancel);
  const auto first = bench.dial();
  bench.settle();
  bench.listener.set_terms(terms_of("another", config::HalfClose::ignore));
  const auto second = bench.dial();
  bench.settle();
  bench.listener.set_terms(terms_of("a", config::HalfClose::ignore));
  const auto third = bench.dial();
  bench.settle();
  using enum config::HalfClose;
  CHECK(bench.owner.seen == std::vector{cancel, cancel, ignore});
}

TEST_CASE("accepting goes on when descriptors are free again") {
  Bench bench(config::HalfClose::cancel);
  bench.net.faults().accept_no_files = 1;
  const auto client = bench.dial();
  bench.run_for(base::kSecond);
  CHECK(bench.owner.seen.empty());
  bench.net.faults().accept_no_files = 0;
  CHECK(bench.run_until([&] { return bench.owner.seen.size() == 1; }));
}

TEST_CASE("a stopped listener accepts nothing more, and stopping twice is stopping once") {
  Bench bench(config::HalfClose::cancel);
  bench.listener.stop();
  bench.listener.stop();
  CHECK(bench.run_until([&] { return bench.listener.closed(); }));
  bench.listener.stop();
  const auto client = bench.dial();
  CHECK(bench.run_until([&] { return client->refused; }));
  CHECK(bench.owner.seen.empty());
}

}  // namespace headrace::test
