// Many connections, each with one request always outstanding: requests a second, and the proxy's
// CPU time divided by them. The harness may well be the slower side; CPU time a request does not
// care.
#include <cstdio>
#include <memory>

#include "client.h"
#include "samples.h"
#include "upstream.h"
#include "workload.h"

namespace headrace::probe {
namespace {

constexpr std::size_t kSamplesMax = 4'000'000;

class ClosedLoop final : public ClientOwner {
 public:
  explicit ClosedLoop(Samples& times) : times_(times) {}

  void on_answer(Client& client) override {
    const Nanos instant = now();
    ++answers_;
    if (counting_ && times_.count() < kSamplesMax) times_.add(instant - client.sent_at());
    if (!stopping_) client.send_request(client.id() + kIdStep);
  }
  void on_event(Client&, Nanos) override {}

  void start_counting() { counting_ = true; }
  void stop() { stopping_ = true; }
  std::size_t answers() const { return answers_; }

  // Every connection has ids of its own, so that an answer to the wrong one is noticed.
  static constexpr std::uint64_t kIdStep = 4096;

 private:
  Samples& times_;
  std::size_t answers_ = 0;
  bool counting_ = false;
  bool stopping_ = false;
};

}  // namespace

void run_saturated(const Options& options) {
  raise_file_limit(options.connections * 4 + 64);
  SpinLoop loop(options.time_limit);
  Upstream upstream(
      loop, options.upstream, options.upstream_model, options.tls.get(), Upstream::Kind::plain);
  Samples times(kSamplesMax / 8);
  ClosedLoop owner(times);
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < options.connections; ++i) {
    clients.push_back(std::make_unique<Client>(loop, owner, proxied_path(options), false));
    clients.back()->send_request(i);
  }
  const std::size_t warmup = options.warmup + 10 * options.connections;
  while (owner.answers() < warmup) loop.turn();

  mark(options, "begin");
  const std::size_t answers_before = owner.answers();
  const Nanos cpu_before = cpu_time(options.processes);
  const Nanos begin = now();
  owner.start_counting();
  while (now() - begin < options.duration) loop.turn();
  const Nanos elapsed = now() - begin;
  const Nanos cpu = cpu_time(options.processes) - cpu_before;
  const std::size_t answers = owner.answers() - answers_before;
  mark(options, "end");
  owner.stop();
  const std::size_t all = upstream.requests();
  while (owner.answers() < all) loop.turn();

  std::printf(
      "{\"mode\":\"saturate\",\"n\":%zu,\"requests_per_s\":%.0f,\"p50_ns\":%lld,"
      "\"p99_ns\":%lld,\"cpu_ns_per_request\":%.1f,\"cpu_share\":%.3f}\n",
      answers,
      static_cast<double>(answers) * 1e9 / static_cast<double>(elapsed),
      static_cast<long long>(times.percentile(0.5)),
      static_cast<long long>(times.percentile(0.99)),
      static_cast<double>(cpu) / static_cast<double>(answers),
      static_cast<double>(cpu) / static_cast<double>(elapsed));
}

}  // namespace headrace::probe
