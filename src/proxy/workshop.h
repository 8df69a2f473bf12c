// Workshop: what a worker lends to its connections and exchanges. Everything here belongs to one
// worker and is used on its thread only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/limits.h"
#include "base/prng.h"
#include "base/slab.h"
#include "http/h2_memory.h"
#include "io/io.h"
#include "proxy/gone_client.h"
#include "proxy/rules.h"
#include "telemetry/ring.h"
#include "upstream/pool.h"

namespace headrace::proxy {

class ClientConn;
class Exchange;
class H2ClientConn;
class H2Request;

// A configuration that is live on this worker, or still used by exchanges that began under it.
struct Live {
  const Rules* rules = nullptr;
  std::vector<upstream::Origin*> origins;  // by provider
  std::uint64_t exchanges = 0;             // that hold on to it
};

// Plain numbers of one worker; published to the exporter between turns.
struct Tally {
  std::uint64_t clients_accepted = 0;
  std::uint64_t clients_refused = 0;
  std::uint64_t tls_full = 0;  // handshakes of clients
  std::uint64_t tls_resumed = 0;
  std::uint64_t tls_failed = 0;
  std::uint64_t requests = 0;
  std::uint64_t streams_open = 0;
  std::uint64_t stale_retries = 0;
  std::uint64_t failovers = 0;
  std::uint64_t cancels = 0;
  std::uint64_t unheard_whole = 0;  // answers read without their client, by how that ended
  std::uint64_t unheard_cut = 0;
  std::uint64_t unheard_refused = 0;  // not even begun: there were too many
  std::uint64_t events_relayed = 0;
  std::uint64_t bytes_copied = 0;
  std::uint64_t holds_full = 0;
  std::uint64_t records_dropped = 0;
};

// Of one request, texts included: each attempt and the request itself, two each.
inline constexpr std::size_t kRecordsOfARequest = 32;

struct Workshop {
  Workshop(io::Io& io_in,
           upstream::Pool& pool_in,
           telemetry::RecordRing& records_in,
           std::uint64_t seed,
           std::uint16_t worker_in,
           std::size_t clients_max);
  ~Workshop();

  io::Io& io;
  upstream::Pool& pool;
  telemetry::RecordRing& records;
  base::Slab<ClientConn> clients;
  base::Slab<Exchange> exchanges;
  http::H2Memory h2_memory;  // of the sessions of clients
  base::Slab<H2ClientConn> h2_conns;
  dialect::Translator translator;
  base::Prng random;
  const std::uint16_t worker;
  std::uint64_t sequence = 0;  // of the records
  Tally tally;
  Live* live = nullptr;
  bool draining = false;

  // The Date field's value for this second.
  base::Bytes date();

  // For a request over HTTP/2; null when the bound is reached. More than there are exchanges: some
  // only take the rest of their answer.
  H2Request* take_h2_request();
  void rest(H2Request& request);
  std::size_t h2_requests() const { return h2_requests_.in_use() - resting_.size(); }

  // For an exchange that goes on without its client; null when the bound is reached.
  GoneClient* take_gone_client(Exchange& exchange, const GoneClient::Seen& seen, bool used_before);
  void rest(GoneClient& client);
  std::size_t unheard() const { return gone_clients_.in_use(); }
  // Those exchanges are over, whatever they have heard.
  void end_unheard();

 private:
  base::Slab<H2Request> h2_requests_;
  std::vector<H2Request*> resting_;  // wait to be taken again
  base::Slab<GoneClient> gone_clients_{base::limits::kUnheardMost};
  base::IntrusiveList<GoneClient, &GoneClient::link> gone_;
  std::array<char, 32> date_{};
  std::uint64_t date_second_ = 0;
};

}  // namespace headrace::proxy
