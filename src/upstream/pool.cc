#include "upstream/pool.h"

#include <algorithm>

#include "base/log.h"

namespace headrace::upstream {

Pool::Pool(io::Io& io, PoolOptions options)
    : io_(io),
      options_(options),
      lanes_(options.connections_max + base::limits::kSpareLanes),
      conns_(options.connections_max),
      h2_(io, *this, options.connections_max, counters_) {
  sweep_timer_.bind<&Pool::on_sweep>(*this);
}

Pool::~Pool() {
  io_.timers().cancel(sweep_timer_);
  HEADRACE_ASSERT(empty());
}

Origin& Pool::origin(const std::string& name) {
  for (const auto& origin : origins_) {
    if (origin->name() == name) return *origin;
  }
  origins_.push_back(std::make_unique<Origin>(name));
  return *origins_.back();
}

base::Result<Call*> Pool::call(Origin& origin, base::Nanos connect_timeout, bool fresh) {
  if (origin.protocol() == Protocol::h2) return h2_.acquire(origin, connect_timeout, fresh);
  base::Result<UpstreamConn*> conn = acquire(origin, connect_timeout, fresh);
  if (!conn) return conn.error();
  return *conn;
}

base::Result<UpstreamConn*> Pool::acquire(Origin& origin, base::Nanos connect_timeout, bool fresh) {
  UpstreamConn* idle = origin.idle_.front();
  if (fresh && idle != nullptr && !idle->fresh()) idle = nullptr;
  if (UpstreamConn* conn = idle; conn != nullptr) {
    conn->idle_link.unlink();
    --origin.idle_count_;
    --counters_.idle;
    ++counters_.busy;
    ++counters_.reuses;
    return conn;
  }
  if (origin.endpoints_.empty()) return base::upstream_error(base::Errc::resolve_failed);
  UpstreamConn* conn = conns_.make(io_, *this, origin);
  if (conn == nullptr) return base::gateway_error(base::Errc::overloaded);
  const base::Status status = conn->connect(io_.now() + connect_timeout);
  if (!status) {
    conns_.destroy(conn);
    return status.error();
  }
  origin.all_.push_back(*conn);
  ++counters_.connecting;
  ++counters_.connects;
  return conn;
}

void Pool::note_connected(UpstreamConn& conn) {
  HEADRACE_ASSERT(conn.state_ == UpstreamConn::State::connecting);
  --counters_.connecting;
  ++counters_.busy;
  note_handshake(conn.lane_->stream());
}

// -- what either kind of connection needs

Lane* Pool::make_lane(Dial& dial, std::size_t endpoint) {
  return lanes_.make(io_, *this, dial, endpoint);
}

Protocol Pool::settle(Origin& origin, const net::Stream& stream) {
  if (!stream.is_tls()) return origin.protocol();
  const Protocol spoken = stream.protocol() == "h2" ? Protocol::h2 : Protocol::http1;
  if (origin.negotiates()) origin.learn_protocol(spoken);
  return spoken;
}

// Counted once, by whoever uses it.
void Pool::note_handshake(const net::Stream& stream) {
  if (!stream.is_tls()) return;
  ++(stream.resumed() ? counters_.tls_resumed : counters_.tls_full);
}

void Pool::take_http1(Origin& origin, Lane& lane) {
  UpstreamConn* conn = closing_ ? nullptr : conns_.make(io_, *this, origin);
  if (conn == nullptr) return lane.abandon(io::CloseHow::orderly);
  origin.all_.push_back(*conn);
  ++counters_.connecting;
  conn->take(lane);
}

// The words are the library's constants; a server that fails again and again is named now and then.
void Pool::note_tls_failure(Origin& origin, base::Errc code, std::string_view text) {
  ++counters_.tls_failed;
  if (io_.now() < origin.quiet_until_) return;
  origin.quiet_until_ = io_.now() + base::limits::kTlsComplaintPause;
  // A name may go on behind a blank, with what only tells origins apart.
  HEADRACE_LOG_WARNING("%.*s: %.*s: %.*s",
                       static_cast<int>(std::min(origin.name().find(' '), origin.name().size())),
                       origin.name().c_str(),
                       static_cast<int>(base::name_of(code).size()),
                       base::name_of(code).data(),
                       static_cast<int>(text.size()),
                       text.data());
}

void Pool::note_tls_timeout(bool shaking) {
  if (shaking) ++counters_.tls_failed;
}

void Pool::put_idle(UpstreamConn& conn) {
  Origin& origin = conn.origin();
  --counters_.busy;
  ++counters_.idle;
  ++origin.idle_count_;
  origin.idle_.push_front(conn);
  conn.idle_since = io_.now();
  if (closing_) {
    conn.retire(io::CloseHow::orderly);
    return;
  }
  if (origin.idle_count_ > options_.idle_per_origin)
    origin.idle_.back()->retire(io::CloseHow::orderly);
  if (!sweep_timer_.scheduled()) schedule_sweep();
}

// Called while the connection still has the state it leaves.
void Pool::note_retired(UpstreamConn& conn) {
  switch (conn.state_) {
    case UpstreamConn::State::connecting:
      --counters_.connecting;
      break;
    case UpstreamConn::State::idle:
      if (conn.idle_link.linked()) {
        conn.idle_link.unlink();
        --conn.origin().idle_count_;
        --counters_.idle;
      } else {  // handed out, nothing sent yet
        --counters_.busy;
      }
      break;
    case UpstreamConn::State::busy:
      --counters_.busy;
      break;
    case UpstreamConn::State::closing:
      break;
  }
}

void Pool::bury(UpstreamConn& conn) {
  conn.origin_link.unlink();
  conns_.destroy(&conn);
}

void Pool::close_all() {
  closing_ = true;
  for (const auto& origin : origins_) {
    h2_.close_all(*origin);
    UpstreamConn* next = nullptr;
    for (UpstreamConn* conn = origin->all_.front(); conn != nullptr; conn = next) {
      next = origin->all_.after(*conn);  // retiring may bury it
      if (conn->owner_ == nullptr && conn->state_ != UpstreamConn::State::closing) {
        conn->retire(io::CloseHow::orderly);
      }
    }
  }
}

// The oldest idle connections stand at the back.
void Pool::on_sweep() {
  for (const auto& origin : origins_) {
    UpstreamConn* conn = origin->idle_.back();
    while (conn != nullptr && conn->idle_since + options_.idle_timeout <= io_.now()) {
      conn->retire(io::CloseHow::orderly);
      conn = origin->idle_.back();
    }
  }
  schedule_sweep();
}

void Pool::schedule_sweep() {
  base::Nanos oldest = base::kNever;
  for (const auto& origin : origins_) {
    if (UpstreamConn* conn = origin->idle_.back()) oldest = std::min(oldest, conn->idle_since);
  }
  if (oldest != base::kNever) io_.timers().schedule(sweep_timer_, oldest + options_.idle_timeout);
}

}  // namespace headrace::upstream
