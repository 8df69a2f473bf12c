// The upstream connections of one worker: per origin a LIFO of idle ones (the warmest first),
// capped, each retired before a server's usual idle timeout. An origin outlives the configuration
// that named it until its last connection is gone. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/slab.h"
#include "io/io.h"
#include "net/tls_client.h"
#include "net/tls_sessions.h"
#include "upstream/h2_pool.h"
#include "upstream/upstream_conn.h"

namespace headrace::upstream {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

enum class Protocol : std::uint8_t { http1, h2 };

// Where connections lead: the resolved addresses of one provider, what is spoken there, and on
// which terms of TLS, if on any. Connections and tickets are shared by whoever names the same
// origin, so other terms must be another origin (TlsClient::identity()).
class Origin {
 public:
  explicit Origin(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  void set_endpoints(std::vector<Endpoint> endpoints) { endpoints_ = std::move(endpoints); }
  void set_tls(std::shared_ptr<const net::TlsClient> tls) { tls_ = std::move(tls); }
  const net::TlsClient* tls() const { return tls_.get(); }
  net::TlsSessions& tickets() { return tickets_; }
  // The endpoints in turn, so that a dead address costs one attempt, not every one.
  const Endpoint& next_endpoint() { return endpoints_[next_++ % endpoints_.size()]; }
  Protocol protocol() const { return protocol_; }
  void set_protocol(Protocol protocol) { protocol_ = protocol; }
  // HTTP/2: how many streams its last connection allowed; what a new one may assume.
  std::size_t streams() const { return streams_; }
  void note_streams(std::size_t streams) { streams_ = streams; }

 private:
  friend class Pool;
  friend class H2Pool;
  using IdleList = base::IntrusiveList<UpstreamConn, &UpstreamConn::idle_link>;
  using ConnList = base::IntrusiveList<UpstreamConn, &UpstreamConn::origin_link>;
  using H2List = base::IntrusiveList<H2Conn, &H2Conn::origin_link>;

  std::string name_;
  std::vector<Endpoint> endpoints_;
  std::shared_ptr<const net::TlsClient> tls_;
  net::TlsSessions tickets_;
  base::Nanos quiet_until_ = 0;  // no complaint about it before
  std::size_t next_ = 0;
  IdleList idle_;
  ConnList all_;
  H2List h2_;
  std::size_t idle_count_ = 0;
  std::size_t streams_ = base::limits::kH2UpstreamStreams;
  Protocol protocol_ = Protocol::http1;
};

struct PoolOptions {
  std::size_t connections_max = base::limits::kUpstreamConnections;
  std::size_t idle_per_origin = base::limits::kIdlePerOrigin;
  base::Nanos idle_timeout = base::limits::kPoolIdleTimeout;
};

struct PoolCounters {
  std::size_t idle = 0;
  std::size_t busy = 0;
  std::size_t connecting = 0;
  std::uint64_t connects = 0;  // dialled
  std::uint64_t reuses = 0;    // handed out again
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
  // An idle connection of HTTP/1.1, or a new one that is still connecting. `fresh`: never an idle
  // one (a retry after a stale connection must not meet the next stale one).
  base::Result<UpstreamConn*> acquire(Origin& origin, base::Nanos connect_timeout, bool fresh);

  // The end: nothing is pooled from here on, and what idles or still connects for nobody is closed.
  void close_all();
  bool empty() const { return conns_.in_use() == 0 && h2_.empty(); }
  const PoolCounters& counters() const { return counters_; }

  // -- from UpstreamConn
  void put_idle(UpstreamConn& conn);
  void note_connected(UpstreamConn& conn);
  void note_tls_failure(UpstreamConn& conn, base::Errc code, std::string_view text);
  void note_tls_timeout(bool shaking);
  void note_retired(UpstreamConn& conn);
  void bury(UpstreamConn& conn);

 private:
  void on_sweep();
  void schedule_sweep();

  io::Io& io_;
  PoolOptions options_;
  base::Slab<UpstreamConn> conns_;
  std::vector<std::unique_ptr<Origin>> origins_;
  io::Timer sweep_timer_;
  PoolCounters counters_;
  H2Pool h2_;
  bool closing_ = false;
};

}  // namespace headrace::upstream
