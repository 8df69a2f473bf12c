#include "upstream/h2_pool.h"

#include "base/limits.h"
#include "upstream/pool.h"

namespace headrace::upstream {

namespace limits = base::limits;

H2Pool::H2Pool(io::Io& io, Pool& owner, std::size_t connections_max, PoolCounters& counters)
    : io_(io),
      owner_(owner),
      counters_(counters),
      conns_(connections_max, 4),
      calls_(limits::kUpstreamCalls) {}

base::Result<Call*> H2Pool::acquire(Origin& origin, base::Nanos connect_timeout, bool fresh) {
  H2Conn* chosen = nullptr;
  for (H2Conn* conn = origin.h2_.front(); conn != nullptr; conn = origin.h2_.after(*conn)) {
    if (conn->room() == 0 || (fresh && conn->connected() && !conn->fresh())) continue;
    chosen = conn;
    if (conn->connected()) break;  // rather than one that still connects
  }
  const bool reused = chosen != nullptr && chosen->connected();
  if (chosen == nullptr) {
    base::Result<H2Conn*> dialled = dial(origin, connect_timeout);
    if (!dialled) return dialled.error();
    chosen = *dialled;
  }
  H2Call* call = calls_.make(*chosen);
  if (call == nullptr) return base::gateway_error(base::Errc::overloaded);
  ++(reused ? counters_.reuses : counters_.waits);
  chosen->note_claimed();
  chosen->add(*call, io_.now() + connect_timeout);
  return call;
}

base::Result<H2Conn*> H2Pool::dial(Origin& origin, base::Nanos connect_timeout) {
  if (origin.endpoints().empty()) return base::upstream_error(base::Errc::resolve_failed);
  H2Conn* conn = conns_.make(io_, *this, origin);
  if (conn == nullptr) return base::gateway_error(base::Errc::overloaded);
  const base::Status status = conn->connect(io_.now() + connect_timeout);
  if (!status) {
    conns_.destroy(conn);
    return status.error();
  }
  origin.h2_.push_back(*conn);
  ++counters_.connecting;
  ++counters_.connects;
  return conn;
}

// -- spares

bool H2Pool::dial_spare(Origin& origin) {
  base::Result<H2Conn*> conn = dial(origin, limits::kConnectTimeout);
  if (conn) (*conn)->is_spare_ = true;
  return conn.ok();
}

Spares H2Pool::spares(Origin& origin) {
  Spares spares;
  for (H2Conn* conn = origin.h2_.front(); conn != nullptr; conn = origin.h2_.after(*conn)) {
    if (conn->room() == 0 || conn->tired()) continue;
    ++(conn->connected() ? spares.ready : spares.connecting);
  }
  return spares;
}

bool H2Pool::keeps(H2Conn& conn) {
  if (closing_ || conn.draining()) return false;
  const std::size_t ready = spares(conn.origin()).ready;
  return conn.tired() ? ready == 0 : ready <= conn.origin().warm_min();
}

void H2Pool::note_worn(H2Conn& conn) {
  if (conn.origin().warm_min() != 0) owner_.warmer().touch(0);
}

void H2Pool::note_reset(bool ours) {
  ++(ours ? counters_.resets_sent : counters_.resets_seen);
}

void H2Pool::note_goaway(H2Conn& conn) {
  ++counters_.goaways;
  note_worn(conn);
}

void H2Pool::take(Origin& origin, Lane& lane) {
  H2Conn* conn = closing_ ? nullptr : conns_.make(io_, *this, origin);
  if (conn == nullptr) return lane.abandon(io::CloseHow::orderly);
  origin.h2_.push_back(*conn);
  ++counters_.connecting;
  conn->take(lane);
}

std::size_t& H2Pool::gauge(H2Conn::Standing standing) {
  switch (standing) {
    case H2Conn::Standing::connecting:
      return counters_.connecting;
    case H2Conn::Standing::idle:
      return counters_.idle;
    case H2Conn::Standing::busy:
      return counters_.busy;
    case H2Conn::Standing::gone:
      break;
  }
  return gone_;
}

void H2Pool::note(H2Conn& conn) {
  using Standing = H2Conn::Standing;
  Standing now = Standing::gone;
  if (conn.state_ == H2Conn::State::connecting) now = Standing::connecting;
  if (conn.state_ == H2Conn::State::open) now = conn.calls_ == 0 ? Standing::idle : Standing::busy;
  if (now == conn.standing_) return;
  --gauge(conn.standing_);
  ++gauge(now);
  conn.standing_ = now;
}

// Whoever has lived its time goes when there is somebody to take over. One that only saw cancels is
// used up first: what it may still bear is a handshake that others need not make.
void H2Pool::note_connected(H2Conn& conn) {
  note(conn);
  owner_.note_handshake(conn.stream());
  auto& conns = conn.origin().h2_;
  H2Conn* next = nullptr;
  for (H2Conn* other = conns.front(); other != nullptr; other = next) {
    next = conns.after(*other);
    if (other != &conn && other->outlived() && !other->draining()) other->drain();
  }
}

void H2Pool::want_successor(H2Conn& conn) {
  if (closing_) return;
  auto& conns = conn.origin().h2_;
  for (H2Conn* other = conns.front(); other != nullptr; other = conns.after(*other)) {
    if (other != &conn && other->room() != 0 && !other->tired()) return;
  }
  // When it cannot be dialled now, whoever needs it will try again.
  const base::Result<H2Conn*> dialled = dial(conn.origin(), limits::kConnectTimeout);
  static_cast<void>(dialled.ok());
}

void H2Pool::close_all(Origin& origin) {
  closing_ = true;
  H2Conn* next = nullptr;
  for (H2Conn* conn = origin.h2_.front(); conn != nullptr; conn = next) {
    next = origin.h2_.after(*conn);
    if (conn->state_ != H2Conn::State::closing) conn->drain();
  }
}

void H2Pool::bury(H2Conn& conn) {
  conn.origin_link.unlink();
  --gauge(conn.standing_);
  conns_.destroy(&conn);
}

}  // namespace headrace::upstream
