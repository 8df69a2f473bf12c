// Many streams at a steady total rate: the time from the upstream's write of an event to the
// client's having read all of it. Events are due at absolute deadlines, so a late one does not make
// its successors late.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "client.h"
#include "samples.h"
#include "upstream.h"
#include "workload.h"

namespace headrace::probe {
namespace {

// All streams of one path, proxied or direct. Their ids start at `first_id`.
class StreamSet final : public ClientOwner {
 public:
  StreamSet(SpinLoop& loop,
            Upstream& upstream,
            const Path& path,
            std::uint64_t first_id,
            std::size_t streams)
      : loop_(loop), upstream_(upstream), first_id_(first_id) {
    for (std::size_t i = 0; i < streams; ++i) {
      clients_.push_back(std::make_unique<Client>(loop, *this, path, true));
      clients_.back()->send_request(first_id + i);
      while (!upstream_.has_stream(first_id + i)) loop_.turn();
    }
  }

  // Writes `count` events, one at a time in turn over the streams, and waits until all have
  // arrived.
  void run(
      std::size_t count, Nanos gap, Samples& transits, Samples& lateness, RealtimeBursts& bursts) {
    transits_ = &transits;
    bursts.raise();
    Nanos due = now() + gap;
    for (std::size_t sent = 0; sent < count;) {
      const Nanos late = now() - due;
      if (late >= 0) {
        lateness.add(late);
        upstream_.send_event(first_id_ + next_);
        next_ = (next_ + 1) % clients_.size();
        due += gap;
        ++sent;
        ++expected_;
      }
      loop_.turn();
      if (arrived_ == expected_ && bursts.breathe()) due = now() + gap;
    }
    while (arrived_ < expected_) loop_.turn();
    bursts.lower();
    transits_ = nullptr;
  }

  // Several events a stream at once, as after a pause of the host: what a proxy keeps for its worst
  // moments (buffers, queues) is grown here and not while it is measured.
  void surge(std::size_t events_per_stream, Samples& transits) {
    transits_ = &transits;
    for (std::size_t stream = 0; stream < clients_.size(); ++stream) {
      for (std::size_t i = 0; i < events_per_stream; ++i) upstream_.send_event(first_id_ + stream);
    }
    expected_ += clients_.size() * events_per_stream;
    while (arrived_ < expected_) loop_.turn();
    transits_ = nullptr;
  }

  void finish() {
    for (std::size_t i = 0; i < clients_.size(); ++i) upstream_.end_stream(first_id_ + i);
    while (answers_ < clients_.size()) loop_.turn();
  }

  void on_answer(Client&) override { ++answers_; }
  void on_event(Client&, Nanos transit) override {
    ++arrived_;
    if (transits_ == nullptr) die("an event arrived that nobody waited for");
    transits_->add(transit);
  }

 private:
  SpinLoop& loop_;
  Upstream& upstream_;
  std::uint64_t first_id_;
  std::vector<std::unique_ptr<Client>> clients_;
  Samples* transits_ = nullptr;
  std::size_t next_ = 0;
  std::size_t expected_ = 0;
  std::size_t arrived_ = 0;
  std::size_t answers_ = 0;
};

constexpr std::size_t kSurges = 3;
constexpr std::size_t kSurgeEvents = 8;  // a stream: 160 ms of the usual rate
constexpr std::size_t kBlocks = 4;       // direct and proxied parts alternate this often

}  // namespace

void run_events(const Options& options) {
  raise_file_limit(options.streams * 4 + 64);
  SpinLoop loop(options.time_limit);
  Upstream upstream(
      loop, options.upstream, options.upstream_model, options.tls.get(), Upstream::Kind::stream);
  RealtimeBursts bursts(options.realtime, options.processes);
  const Nanos gap = kSecond / static_cast<Nanos>(options.rate);
  // At least one event a stream: the role event alone does not pass a gateway's commit point.
  const std::size_t warmup = std::max(options.warmup, options.streams);

  StreamSet proxied(loop, upstream, proxied_path(options), 0, options.streams);
  StreamSet direct(
      loop, upstream, direct_path(options), options.streams, options.direct ? options.streams : 0);
  Samples discarded(2 * warmup + kSurges * kSurgeEvents * options.streams);
  Samples proxied_times(options.events + kBlocks);
  Samples direct_times(options.events + kBlocks);
  Samples lateness(2 * (options.events + kBlocks + warmup));
  for (std::size_t i = 0; i < kSurges; ++i) proxied.surge(kSurgeEvents, discarded);
  proxied.run(warmup, gap, discarded, lateness, bursts);
  if (options.direct) direct.run(warmup, gap, discarded, lateness, bursts);

  mark(options, "begin");
  const std::size_t block = (options.events + kBlocks - 1) / kBlocks;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    if (options.direct) direct.run(block, gap, direct_times, lateness, bursts);
    proxied.run(block, gap, proxied_times, lateness, bursts);
  }
  mark(options, "end");
  proxied.finish();
  if (options.direct) direct.finish();

  const Nanos p50 = proxied_times.percentile(0.5);
  const Nanos p99 = proxied_times.percentile(0.99);
  std::printf("{\"mode\":\"events\",\"n\":%zu,\"p50_ns\":%lld,\"p99_ns\":%lld,\"late_p99_ns\":%lld",
              proxied_times.count(),
              static_cast<long long>(p50),
              static_cast<long long>(p99),
              static_cast<long long>(lateness.percentile(0.99)));
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
