#include "server/worker.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>

#include "server/egress_of.h"

namespace headrace::server {
namespace {

// To whoever comes when not even a place for a refusal is left.
constexpr std::string_view kTurnedAway =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    "content-length: 131\r\nconnection: close\r\n\r\n"
    R"({"error":{"message":"The gateway is at one of its limits; try again soon.","type":"server_error","param":null,"code":"overloaded"}})";
constexpr base::Nanos kPublishEvery = 5 * base::kMillisecond;

// Of a Unix socket the name alone counts: of an abstract one, which begins with a zero, no byte
// more.
socklen_t size_of_unix(const sockaddr_un& address) {
  const bool abstract = address.sun_path[0] == '\0';
  const std::size_t skipped = abstract ? 1 : 0;
  const std::size_t length =
      ::strnlen(address.sun_path + skipped, sizeof address.sun_path - skipped);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
}

upstream::Endpoint endpoint_of(const sockaddr_storage& address) {
  upstream::Endpoint endpoint;
  endpoint.address = address;
  if (address.ss_family == AF_UNIX) {
    endpoint.size = size_of_unix(reinterpret_cast<const sockaddr_un&>(address));
  } else {
    endpoint.size = address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }
  return endpoint;
}

upstream::Protocol protocol_of(const config::Provider& provider) {
  using config::HttpVersion;
  if (provider.http == HttpVersion::h2 || provider.http == HttpVersion::h2c) {
    return upstream::Protocol::h2;
  }
  const bool chooses = provider.tls != nullptr && provider.http == HttpVersion::automatic;
  return chooses ? upstream::Protocol::either : upstream::Protocol::http1;
}

// Connections are shared by those who speak alike, on the same terms of TLS (those know what is
// offered there), by way of the same proxy. What stands behind a blank is for nobody's eyes.
std::string origin_name(const config::Provider& provider) {
  const bool h2c = provider.http == config::HttpVersion::h2c;
  std::string name = (h2c ? "h2+" : "") + provider.scheme + "://" + provider.host + ":" +
                     std::to_string(provider.port);
  HEADRACE_ASSERT((provider.scheme == "https") == (provider.tls != nullptr));
  if (provider.tls != nullptr) name += " " + provider.tls->identity();
  const config::Proxy& proxy = provider.egress;
  if (proxy.host.empty()) return name;
  const std::size_t who = std::hash<std::string>()(proxy.credentials);  // never they themselves
  return name + " by " + proxy.authority + " " + std::to_string(who);
}

bool speaks_tls(const config::Snapshot& snapshot) {
  const auto has_terms = [](const auto& place) { return place.tls != nullptr; };
  return std::ranges::any_of(snapshot.listen, has_terms) ||
         std::ranges::any_of(snapshot.providers, has_terms);
}

}  // namespace

Worker::Worker(io::Io& io,
               telemetry::RecordRing& records,
               telemetry::WorkerCounters& counters,
               const WorkerOptions& options)
    : io_(io),
      counters_(counters),
      pool_(io, options.pool),
      shop_(
          io, pool_, records, options.seed, options.id, options.clients_max + options.refusals_max),
      clients_max_(options.clients_max),
      bell_(options.bell) {
  io_.set_wake_owner(this);
  shop_.sequence = options.first_sequence;
  publish_counters();  // who is ready is also alive: the first turn may be a while
}

Worker::~Worker() {
  io_.set_wake_owner(nullptr);
  io_.set_rehearsal(nullptr);
  HEADRACE_ASSERT(clients_.empty());
}

void Worker::use(const proxy::Rules& rules) {
  const config::Snapshot& snapshot = rules.snapshot;
  auto live = std::make_unique<proxy::Live>();
  live->rules = &rules;
  live->origins.reserve(snapshot.providers.size());
  pool_.forget_warmth();
  for (const config::Provider& provider : snapshot.providers) {
    upstream::Origin& origin = pool_.origin(origin_name(provider));
    std::vector<upstream::Endpoint> endpoints;
    endpoints.reserve(provider.addresses.size());
    for (const sockaddr_storage& address : provider.addresses)
      endpoints.push_back(endpoint_of(address));
    origin.set_endpoints(std::move(endpoints));
    origin.set_tls(provider.tls);
    origin.set_egress(egress_of(provider));
    origin.set_protocol(protocol_of(provider));
    origin.set_warm_min(std::max<std::size_t>(origin.warm_min(), provider.warm_min));
    live->origins.push_back(&origin);
  }
  const std::size_t places = std::min(listeners_.size(), snapshot.listen.size());
  for (std::size_t i = 0; i < places; ++i) listeners_[i]->set_terms(snapshot.listen[i]);
  tls_rehearsal_ = speaks_tls(snapshot) ? std::make_unique<net::TlsRehearsal>() : nullptr;
  io_.set_rehearsal(tls_rehearsal_.get());
  pool_.keep_warm();
  shop_.live = live.get();
  lives_.push_back(std::move(live));
  retire_rules();
}

void Worker::listen(int fd, const config::Listen& terms) {
  listeners_.push_back(std::make_unique<Listener>(io_, *this, terms));
  listeners_.back()->start(fd);
}

// -- the loop

void Worker::turn() {
  io_.run_once(unpublished_ ? 2 * kPublishEvery : base::limits::kLoopTick);
  if (lives_.size() > 1) retire_rules();
  if (stage_ != Stage::serving && !drained_.load(std::memory_order_relaxed) && clients_.empty() &&
      shop_.unheard() == 0) {
    drained_.store(true, std::memory_order_release);
  }
  unpublished_ = true;
  if (io_.now() - published_at_ >= kPublishEvery) publish_counters();
}

void Worker::run() {
  while (!quiet()) turn();
  publish_counters();
}

bool Worker::quiet() const {
  if (stage_ != Stage::stopped || !clients_.empty() || !pool_.empty()) return false;
  return std::all_of(listeners_.begin(), listeners_.end(), [](const auto& listener) {
    return listener->closed();
  });
}

// -- clients

void Worker::on_client(int fd, const config::Listen& terms) {
  ++shop_.tally.clients_accepted;
  const bool full = shop_.clients.in_use() >= clients_max_;
  proxy::ClientConn* conn =
      shop_.clients.make(shop_, *this, shop_.live->rules->snapshot.limits, terms);
  if (full) ++shop_.tally.clients_refused;
  if (conn == nullptr) {
    io_.discard(fd, terms.tls == nullptr ? kTurnedAway : std::string_view{});
    return;
  }
  clients_.push_back(*conn);
  conn->start(fd, terms.tls.get());
  if (full) conn->turn_away();
}

void Worker::on_client_closed(proxy::ClientConn& conn) {
  conn.link.unlink();
  shop_.clients.destroy(&conn);
}

// -- control

void Worker::publish(const proxy::Rules& rules) {
  next_rules_.store(&rules, std::memory_order_release);
  io_.wake();
}

void Worker::move_to(Stage stage) {
  wanted_.store(stage, std::memory_order_release);
  io_.wake();
}

void Worker::on_wake() {
  if (const proxy::Rules* next = next_rules_.exchange(nullptr, std::memory_order_acq_rel)) {
    use(*next);
  }
  const Stage wanted = wanted_.load(std::memory_order_acquire);
  while (stage_ < wanted) enter(static_cast<Stage>(static_cast<std::uint8_t>(stage_) + 1));
}

void Worker::enter(Stage stage) {
  stage_ = stage;
  shop_.draining = true;
  for (const auto& listener : listeners_) listener->stop();
  // A connection may leave the list only in on_client_closed(), which never comes from inside a
  // verb.
  for (proxy::ClientConn* conn = clients_.front(); conn != nullptr; conn = clients_.after(*conn)) {
    switch (stage) {
      case Stage::serving:
        break;
      case Stage::draining:
        conn->drain();
        break;
      case Stage::ending:
        conn->end_now();
        break;
      case Stage::stopped:
        conn->cut();
        break;
    }
  }
  if (stage >= Stage::ending) shop_.end_unheard();
  if (stage == Stage::stopped) pool_.close_all();
}

// Configurations that no exchange holds on to any more are given back to control, oldest first.
void Worker::retire_rules() {
  while (lives_.size() > 1 && lives_.front()->exchanges == 0) lives_.erase(lives_.begin());
  epoch_in_use_.store(lives_.front()->rules->epoch(), std::memory_order_release);
}

void Worker::publish_counters() {
  const io::IoCounters& io = io_.counters();
  const proxy::Tally& tally = shop_.tally;
  const upstream::PoolCounters& pool = pool_.counters();
  telemetry::WorkerCounters& out = counters_;
  published_at_ = io_.now();
  unpublished_ = false;
  out.last_tick_ns.set(static_cast<std::uint64_t>(published_at_));
  out.loop_lag_ns.set(
      static_cast<std::uint64_t>(std::max<base::Nanos>(io_.clock() - io_.now(), 0)));
  out.turns.set(io.turns);
  out.enters.set(io.enters);
  out.accepts.set(io.accepts);
  out.receives.set(io.receives);
  out.received_bytes.set(io.received_bytes);
  out.sends.set(io.sends);
  out.sent_bytes.set(io.sent_bytes);
  out.short_sends.set(io.short_sends);
  out.coalesced_bytes.set(io.coalesced_bytes);
  out.starved.set(io.starved);
  out.overflows.set(io.overflows);
  out.polls_hit.set(io.polls_hit);
  out.polls_missed.set(io.polls_missed);
  out.clients_open.set(shop_.clients.in_use());
  out.clients_accepted.set(tally.clients_accepted);
  out.clients_refused.set(tally.clients_refused);
  out.clients_http2.set(shop_.h2_conns.in_use());
  out.client_tls_full.set(tally.tls_full);
  out.client_tls_resumed.set(tally.tls_resumed);
  out.client_tls_failed.set(tally.tls_failed);
  out.inflight.set(shop_.exchanges.in_use());
  out.streams_open.set(tally.streams_open);
  out.upstream_idle.set(pool.idle);
  out.upstream_busy.set(pool.busy);
  out.upstream_connecting.set(pool.connecting);
  out.connects.set(pool.connects);
  out.reuses.set(pool.reuses);
  out.waits.set(pool.waits);
  out.spares.set(pool.spares);
  out.waited_ns.set(pool.waited_ns);
  out.goaways.set(pool.goaways);
  out.resets_sent.set(pool.resets_sent);
  out.resets_seen.set(pool.resets_seen);
  out.tls_full.set(pool.tls_full);
  out.tls_resumed.set(pool.tls_resumed);
  out.tls_failed.set(pool.tls_failed);
  out.stale_retries.set(tally.stale_retries);
  out.cancels.set(tally.cancels);
  out.unheard.set(shop_.unheard());
  out.unheard_whole.set(tally.unheard_whole);
  out.unheard_cut.set(tally.unheard_cut);
  out.unheard_refused.set(tally.unheard_refused);
  out.events_relayed.set(tally.events_relayed);
  out.bytes_copied.set(tally.bytes_copied);
  out.hold_full.set(tally.holds_full);
  const io::ReceivePool& clients = io_.receive_pool(io::Side::client);
  const io::ReceivePool& upstreams = io_.receive_pool(io::Side::upstream);
  out.client_buffers.set(clients.total());
  out.client_buffers_free.set(clients.free_count());
  out.upstream_buffers.set(upstreams.total());
  out.upstream_buffers_free.set(upstreams.free_count());
  if (bell_ != nullptr && shop_.records.crowded()) bell_->ring();
}

}  // namespace headrace::server
