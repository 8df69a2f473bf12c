// One keep-alive connection, one request at a time: the round trip through the proxy less the
// direct one.
#include <cstdio>

#include "client.h"
#include "samples.h"
#include "upstream.h"
#include "workload.h"

namespace headrace::probe {
namespace {

constexpr std::size_t kBlocks = 10;  // direct and proxied parts alternate this often

class Exchange final : public ClientOwner {
 public:
  Exchange(SpinLoop& loop, const Path& path) : loop_(loop), client_(loop, *this, path, false) {}

  void on_answer(Client& client) override {
    took_ = now() - client.sent_at();
    done_ = true;
  }
  void on_event(Client&, Nanos) override {}

  Nanos run() {
    done_ = false;
    client_.send_request(next_id_++);
    while (!done_) loop_.turn();
    return took_;
  }
  std::uint64_t requests() const { return next_id_ - 1; }

 private:
  SpinLoop& loop_;
  Client client_;
  std::uint64_t next_id_ = 1;
  bool done_ = false;
  Nanos took_ = 0;
};

void run_block(Exchange& exchange, std::size_t rounds, Samples& samples, RealtimeBursts& bursts) {
  bursts.raise();
  for (std::size_t i = 0; i < rounds; ++i) {
    // The first round after a rest finds cold caches on both sides; it is not counted.
    if (bursts.breathe()) exchange.run();
    samples.add(exchange.run());
  }
  bursts.lower();
}

}  // namespace

void run_round_trips(const Options& options) {
  SpinLoop loop(options.time_limit);
  Upstream upstream(
      loop, options.upstream, options.upstream_model, options.tls.get(), Upstream::Kind::plain);
  Exchange proxied(loop, proxied_path(options));
  Exchange direct(loop, direct_path(options));
  RealtimeBursts bursts(options.realtime, options.processes);
  Samples proxied_times(options.rounds);
  Samples direct_times(options.rounds);

  for (std::size_t i = 0; i < options.warmup; ++i) proxied.run();
  mark(options, "begin");
  const std::uint64_t requests_before = proxied.requests();
  const std::size_t block = (options.rounds + kBlocks - 1) / kBlocks;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    if (options.direct) run_block(direct, block, direct_times, bursts);
    run_block(proxied, block, proxied_times, bursts);
  }
  const std::uint64_t requests = proxied.requests() - requests_before;
  mark(options, "end");

  const Nanos p50 = proxied_times.percentile(0.5);
  const Nanos p99 = proxied_times.percentile(0.99);
  std::printf("{\"mode\":\"rtt\",\"n\":%zu,\"requests\":%llu,\"p50_ns\":%lld,\"p99_ns\":%lld",
              proxied_times.count(),
              static_cast<unsigned long long>(requests),
              static_cast<long long>(p50),
              static_cast<long long>(p99));
  if (options.direct) {
    const Nanos direct_p50 = direct_times.percentile(0.5);
    const Nanos direct_p99 = direct_times.percentile(0.99);
    std::printf(
        ",\"direct_p50_ns\":%lld,\"direct_p99_ns\":%lld,\"added_p50_ns\":%lld,"
        "\"added_p99_ns\":%lld",
        static_cast<long long>(direct_p50),
        static_cast<long long>(direct_p99),
        static_cast<long long>(p50 - direct_p50),
        static_cast<long long>(p99 - direct_p99));
  }
  std::printf(",\"tls\":\"%s\"}\n", tls_in_use().c_str());
}

}  // namespace headrace::probe
