// Origin: where connections lead: the resolved addresses of one provider, what is spoken there, and on
// which terms of TLS, if on any. Connections and tickets are shared by whoever names the same origin,
// so other terms must be another origin (TlsClient::identity()). It outlives the configuration that
// named it until its last connection is gone. Owned by the Pool, one thread.
#pragma once

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
#include "upstream/h2_conn.h"
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

class Origin {
 public:
  explicit Origin(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  // An address that was known keeps what is known of it.
  void set_endpoints(std::vector<Endpoint> endpoints);
  void set_tls(std::shared_ptr<const net::TlsClient> tls) { tls_ = std::move(tls); }
  const net::TlsClient* tls() const { return tls_.get(); }
  net::TlsSessions& tickets() { return tickets_; }

  // The endpoints in turn, so that a dead address costs one attempt, not every one: which one a new
  // dial begins with.
  std::size_t next_turn() { return next_++; }
  // Of those whose bit is not in `tried`: one that did not fail before rather than one that did, then
  // one of another family than `last_family`, then the next in turn.
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
  bool negotiates_ = false;
};

}  // namespace headrace::upstream
