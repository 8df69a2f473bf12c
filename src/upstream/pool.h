// The upstream connections of one worker: per origin a LIFO of idle ones (the warmest first),
// capped, each retired before a server's usual idle timeout. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/slab.h"
#include "io/io.h"
#include "upstream/h2_pool.h"
#include "upstream/lane.h"
#include "upstream/origin.h"
#include "upstream/upstream_conn.h"
#include "upstream/warmer.h"

namespace headrace::upstream {

struct PoolOptions {
  std::size_t connections_max = base::limits::kUpstreamConnections;
  std::size_t idle_per_origin = base::limits::kIdlePerOrigin;
  base::Nanos idle_timeout = base::limits::kPoolIdleTimeout;
  std::uint64_t seed = 1;
};

// The connections of an origin that a request could take.
struct Spares {
  std::size_t ready = 0;
  std::size_t connecting = 0;
  base::Nanos good_until = base::kNever;  // then another one is to be dialled

  std::size_t count() const { return ready + connecting; }
};

struct PoolCounters {
  std::size_t idle = 0;
  std::size_t busy = 0;
  std::size_t connecting = 0;
  std::uint64_t connects = 0;     // dialled
  std::uint64_t reuses = 0;       // handed out again
  std::uint64_t waits = 0;        // requests that had to wait for a connection
  std::uint64_t spares = 0;       // of `connects`, for nobody yet
  std::uint64_t waited_ns = 0;    // how long those waited, together
  std::uint64_t resets_sent = 0;  // streams of HTTP/2
  std::uint64_t resets_seen = 0;
  std::uint64_t goaways = 0;   // connections that a server of HTTP/2 ended
  std::uint64_t tls_full = 0;  // handshakes from nothing
  std::uint64_t tls_resumed = 0;
  std::uint64_t tls_failed = 0;
};

class Pool {
 public:
  Pool(io::Io& io, PoolOptions options);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  // The origin of that name, made when it is new.
  Origin& origin(const std::string& name);

  // A request's way to the origin, over the protocol that is spoken there.
  base::Result<Call*> call(Origin& origin, base::Nanos connect_timeout, bool fresh);
  // An idle connection of HTTP/1.1, or a new one that is still connecting. `fresh`: never one
  // that was used (a retry after a stale connection must not meet the next stale one).
  base::Result<UpstreamConn*> acquire(Origin& origin, base::Nanos connect_timeout, bool fresh);

  // Every origin loses its claim to spare connections until set_warm_min() renews it, and
  // keep_warm() acts on it.
  void forget_warmth();
  void keep_warm() { warmer_.touch(0); }
  // Makes sure that a request would find a connection, though none is kept: what there is now.
  Spares warm(Origin& origin);

  // The end: nothing is pooled from here on, and what idles or still connects for nobody is closed.
  void close_all();
  bool empty() const { return conns_.in_use() == 0 && h2_.empty() && lanes_.in_use() == 0; }
  const PoolCounters& counters() const { return counters_; }

  // -- from the Warmer
  std::size_t idle_most() const { return options_.idle_per_origin; }
  template <typename Visitor>
  void for_each_origin(Visitor&& visit) {
    for (const auto& origin : origins_) visit(*origin);
  }
  Spares spares(Origin& origin);
  bool dial_spare(Origin& origin);

  // -- from Dial and Lane
  Lane* make_lane(Dial& dial, std::size_t endpoint);
  void release(Lane& lane) { lanes_.destroy(&lane); }
  // Somebody was there and it came to nothing all the same: the log says why, now and then.
  void note_failure(Origin& origin, base::Errc code, std::string_view text);
  void note_tls_failed() { ++counters_.tls_failed; }

  // -- from connections of either kind
  Warmer& warmer() { return warmer_; }
  // What is spoken over a stream that has come about. The origin learns it.
  static Protocol settle(Origin& origin, const net::Stream& stream);
  void note_handshake(const net::Stream& stream);
  void note_waited(base::Nanos since) {
    counters_.waited_ns += static_cast<std::uint64_t>(io_.now() - since);
  }
  void take_http1(Origin& origin, Lane& lane);
  void take_h2(Origin& origin, Lane& lane) { h2_.take(origin, lane); }

  // -- from UpstreamConn
  // It is no spare that is being made any more.
  void claim(UpstreamConn& conn);
  void put_idle(UpstreamConn& conn);
  void note_connected(UpstreamConn& conn);
  void note_retired(UpstreamConn& conn);
  void bury(UpstreamConn& conn);

 private:
  UpstreamConn* find_fresh(Origin& origin);
  base::Result<UpstreamConn*> dial(Origin& origin, base::Nanos connect_timeout);
  void on_sweep();
  void schedule_sweep();
  void sweep_by(base::Nanos due);
  void note_missing(UpstreamConn& conn);

  io::Io& io_;
  PoolOptions options_;
  base::Slab<Lane> lanes_;
  base::Slab<UpstreamConn> conns_;
  std::vector<std::unique_ptr<Origin>> origins_;
  io::Timer sweep_timer_;
  PoolCounters counters_;
  H2Pool h2_;
  Warmer warmer_;
  bool closing_ = false;
};

}  // namespace headrace::upstream
