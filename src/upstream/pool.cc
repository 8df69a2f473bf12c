#include "upstream/pool.h"

#include <algorithm>

#include "base/log.h"

namespace headrace::upstream {

Pool::Pool(io::Io& io, PoolOptions options)
    : io_(io),
      options_(options),
      lanes_(options.connections_max + base::limits::kSpareLanes),
      conns_(options.connections_max),
      h2_(io, *this, options.connections_max, counters_),
      warmer_(io, *this, options.seed) {
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
  origins_.push_back(std::make_unique<Origin>(name, options_.idle_timeout));
  return *origins_.back();
}

base::Result<Call*> Pool::call(Origin& origin, base::Nanos connect_timeout, bool fresh) {
  if (origin.protocol() == Protocol::h2) return h2_.acquire(origin, connect_timeout, fresh);
  base::Result<UpstreamConn*> conn = acquire(origin, connect_timeout, fresh);
  if (!conn) return conn.error();
  return *conn;
}

base::Result<UpstreamConn*> Pool::acquire(Origin& origin, base::Nanos connect_timeout, bool fresh) {
  if (origin.warm_min_ != 0) warmer_.touch(base::limits::kSpareDelay);
  UpstreamConn* idle = fresh ? find_fresh(origin) : origin.idle_.front();
  if (idle != nullptr) {
    idle->idle_link.unlink();
    --origin.idle_count_;
    --counters_.idle;
    ++counters_.busy;
    ++counters_.reuses;
    return idle;
  }
  ++counters_.waits;
  if (UpstreamConn* spare = origin.spares_.front(); spare != nullptr) {
    claim(*spare);
    spare->wait_until(io_.now() + connect_timeout);
    return spare;
  }
  return dial(origin, connect_timeout);
}

// The youngest come first; used ones of the same age may stand before it.
UpstreamConn* Pool::find_fresh(Origin& origin) {
  UpstreamConn* conn = origin.idle_.front();
  while (conn != nullptr && io_.now() - conn->idle_since < base::limits::kFreshFor) {
    if (conn->fresh()) return conn;
    conn = origin.idle_.after(*conn);
  }
  return nullptr;
}

base::Result<UpstreamConn*> Pool::dial(Origin& origin, base::Nanos connect_timeout) {
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

// -- spares

// It has come about, or failed, or somebody wants it already.
void Pool::claim(UpstreamConn& conn) {
  if (!std::exchange(conn.is_spare_, false)) return;
  conn.idle_link.unlink();
  --conn.origin().spare_count_;
  warmer_.note_spare_dialled();
}

bool Pool::dial_spare(Origin& origin) {
  if (closing_) return false;
  if (origin.protocol() == Protocol::h2) {
    if (!h2_.dial_spare(origin)) return false;
  } else {
    base::Result<UpstreamConn*> conn = dial(origin, base::limits::kConnectTimeout);
    if (!conn) return false;
    (*conn)->is_spare_ = true;
    origin.spares_.push_back(**conn);
    ++origin.spare_count_;
  }
  ++counters_.spares;
  return true;
}

Spares Pool::spares(Origin& origin) {
  if (origin.protocol() == Protocol::h2) return h2_.spares(origin);
  Spares spares;
  spares.connecting = origin.spare_count_;
  // Dialled before it was known what is spoken: they become such connections too.
  if (origin.negotiates()) spares.connecting += h2_.spares(origin).connecting;
  const base::Nanos span = origin.idle_span().safe();
  const base::Nanos lead = std::min(base::limits::kSpareLead, span / 4);
  // The youngest come first: when those that are needed grow old, others are.
  for (UpstreamConn* conn = origin.idle_.front(); conn != nullptr;
       conn = origin.idle_.after(*conn)) {
    const base::Nanos good_until = conn->idle_since + span - lead;
    if (good_until <= io_.now()) break;
    spares.good_until = good_until;
    if (++spares.ready >= std::max<std::size_t>(origin.warm_min_, 1)) break;
  }
  return spares;
}

Spares Pool::warm(Origin& origin) {
  Spares now = spares(origin);
  if (now.count() == 0 && !origin.endpoints_.empty() && io_.now() >= origin.warmth_.dial_after &&
      warmer_.dial(origin)) {
    ++now.connecting;
  }
  return now;
}

void Pool::forget_warmth() {
  for (const auto& origin : origins_) origin->warm_min_ = 0;
}

void Pool::note_connected(UpstreamConn& conn) {
  HEADRACE_ASSERT(conn.state_ == UpstreamConn::State::connecting);
  claim(conn);
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

// The words are constants, and a proxy's name; who fails again and again is named now and then.
void Pool::note_failure(Origin& origin, base::Errc code, std::string_view text) {
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

void Pool::put_idle(UpstreamConn& conn) {
  Origin& origin = conn.origin();
  --counters_.busy;
  ++counters_.idle;
  ++origin.idle_count_;
  origin.idle_.push_front(conn);
  conn.idle_since = io_.now();
  if (conn.requests_ != 0) Warmer::note_good(origin);
  if (closing_) {
    conn.retire(io::CloseHow::orderly);
    return;
  }
  if (origin.idle_count_ > options_.idle_per_origin)
    origin.idle_.back()->retire(io::CloseHow::orderly);
  sweep_by(conn.idle_since + origin.idle_span_.safe());
}

// Called while the connection still has the state it leaves.
void Pool::note_retired(UpstreamConn& conn) {
  switch (conn.state_) {
    case UpstreamConn::State::connecting:
      --counters_.connecting;
      if (conn.is_spare_) {
        claim(conn);
        if (!closing_) warmer_.note_spare_failed(conn.origin());
      }
      break;
    case UpstreamConn::State::idle:
      note_missing(conn);
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

// An idle one goes: another may have to take its place.
void Pool::note_missing(UpstreamConn& conn) {
  if (conn.origin().warm_min_ == 0) return;
  const bool young = io_.now() - conn.idle_since < base::limits::kYoungConnection;
  if (conn.requests_ == 0 && young) warmer_.note_died_young(conn.origin());
  warmer_.touch(0);
}

void Pool::bury(UpstreamConn& conn) {
  conn.origin_link.unlink();
  conns_.destroy(&conn);
}

void Pool::close_all() {
  closing_ = true;
  warmer_.stop();
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
    while (conn != nullptr && conn->idle_since + origin->idle_span_.safe() <= io_.now()) {
      origin->idle_span_.note_outlived();
      conn->retire(io::CloseHow::orderly);
      conn = origin->idle_.back();
    }
  }
  schedule_sweep();
}

void Pool::schedule_sweep() {
  base::Nanos due = base::kNever;
  for (const auto& origin : origins_) {
    if (UpstreamConn* conn = origin->idle_.back()) {
      due = std::min(due, conn->idle_since + origin->idle_span_.safe());
    }
  }
  if (due != base::kNever) sweep_by(due);
}

void Pool::sweep_by(base::Nanos due) {
  if (!sweep_timer_.scheduled() || sweep_timer_.deadline() > due) {
    io_.timers().schedule(sweep_timer_, due);
  }
}

}  // namespace headrace::upstream
