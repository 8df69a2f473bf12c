// Origin: where connections lead: the resolved addresses of one provider, what is spoken there, and
// on which terms of TLS, if on any, and by way of which proxy, if of any. Connections and tickets
// are shared by whoever names the same origin, so other terms must be another origin
// (TlsClient::identity()). It outlives the configuration that named it until its last connection is
// gone. Owned by the Pool, one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/intrusive_list.h"
#include "base/limits.h"
#include "io/io.h"
#include "net/tls_client.h"
#include "net/tls_sessions.h"
#include "upstream/egress.h"
#include "upstream/h2_conn.h"
#include "upstream/life_span.h"
#include "upstream/upstream_conn.h"

namespace headrace::upstream {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  bool failed = false;  // the last who tried did not get there
};

enum class Protocol : std::uint8_t {
  http1,
  h2,
  either,  // what the server chooses, of what TLS offers
};

// How it goes with keeping spare connections.
struct Warmth {
  std::uint32_t failures = 0;  // in a row
  base::Nanos dial_after = 0;
};

class Origin {
 public:
  // `idle_usual`: how long an idle connection is relied on while nothing is known.
  explicit Origin(std::string name, base::Nanos idle_usual = base::limits::kPoolIdleTimeout)
      : name_(std::move(name)),
        idle_span_(idle_usual, std::max(idle_usual, base::limits::kPoolIdleMost)) {}

  const std::string& name() const { return name_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  // An address that was known keeps what is known of it.
  void set_endpoints(std::vector<Endpoint> endpoints);
  void set_tls(std::shared_ptr<const net::TlsClient> tls) { tls_ = std::move(tls); }
  const net::TlsClient* tls() const { return tls_.get(); }
  net::TlsSessions& tickets() { return tickets_; }
  // The proxy on the way, whose addresses endpoints() are then; null: there is none.
  void set_egress(std::shared_ptr<const Egress> egress) { egress_ = std::move(egress); }
  const std::shared_ptr<const Egress>& egress() const { return egress_; }

  // The endpoints in turn, so that a dead address costs one attempt, not every one: which one a new
  // dial begins with.
  std::size_t next_turn() { return next_++; }
  // Of those whose bit is not in `tried`: one that did not fail before rather than one that did,
  // then one of another family than `last_family`, then the next in turn.
  std::optional<std::size_t> pick_endpoint(std::size_t turn,
                                           std::uint32_t tried,
                                           int last_family) const;
  void note_endpoint(std::size_t index, bool failed);

  // What is spoken as far as is known: never `either`.
  Protocol protocol() const { return protocol_; }
  void set_protocol(Protocol protocol);
  // The server chooses; until it has, HTTP/2 is assumed.
  bool negotiates() const { return negotiates_; }
  void learn_protocol(Protocol protocol) { protocol_ = protocol; }
  // HTTP/2: how many streams its last connection allowed; what a new one may assume.
  std::size_t streams() const { return streams_; }
  void note_streams(std::size_t streams) { streams_ = streams; }

  // How many spare connections are kept ready; 0: none, as they come and go.
  std::size_t warm_min() const { return warm_min_; }
  void set_warm_min(std::size_t count) { warm_min_ = std::min(count, base::limits::kWarmMost); }
  Warmth& warmth() { return warmth_; }
  // How long its servers let a connection idle (HTTP/1.1), and live (HTTP/2).
  LifeSpan& idle_span() { return idle_span_; }
  LifeSpan& age_span() { return age_span_; }

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
  std::shared_ptr<const Egress> egress_;
  base::Nanos quiet_until_ = 0;  // no complaint about it before
  std::size_t next_ = 0;
  IdleList idle_;
  IdleList spares_;  // that still connect, for nobody
  ConnList all_;
  H2List h2_;
  std::size_t idle_count_ = 0;
  std::size_t streams_ = base::limits::kH2UpstreamStreams;
  std::size_t spare_count_ = 0;
  std::size_t warm_min_ = 0;
  Warmth warmth_;
  LifeSpan idle_span_;
  LifeSpan age_span_{base::limits::kH2AgeMost, base::limits::kH2AgeMost};
  Protocol protocol_ = Protocol::http1;
  bool negotiates_ = false;
};

}  // namespace headrace::upstream
