// The HTTP/2 connections of one worker: per origin as many as its calls need, filled one after the
// other, so that those that are not needed any more fall idle and end. Part of the Pool, which
// decides by origin which protocol is spoken. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "base/slab.h"
#include "http/h2_memory.h"
#include "io/io.h"
#include "upstream/h2_conn.h"

namespace headrace::upstream {

class Pool;
struct PoolCounters;
struct Spares;

class H2Pool {
 public:
  H2Pool(io::Io& io, Pool& owner, std::size_t connections_max, PoolCounters& counters);
  H2Pool(const H2Pool&) = delete;
  H2Pool& operator=(const H2Pool&) = delete;

  // A call on a connection that has room, or on a new one that is still connecting. `fresh`: not on
  // one that may have died unnoticed (H2Conn::fresh), rather on a new one. The call is to be sent
  // in this turn.
  base::Result<Call*> acquire(Origin& origin, base::Nanos connect_timeout, bool fresh);
  // A connection that was dialled for HTTP/1.1, and speaks HTTP/2.
  void take(Origin& origin, Lane& lane);
  bool dial_spare(Origin& origin);
  Spares spares(Origin& origin);
  // Nothing is kept from here on.
  void close_all(Origin& origin);
  bool empty() const { return conns_.in_use() == 0; }

  // -- from H2Conn
  Pool& owner() { return owner_; }
  http::H2Memory& memory() { return memory_; }
  bool closing() const { return closing_; }
  void note(H2Conn& conn);  // something changed in how it is to be counted
  void note_connected(H2Conn& conn);
  void want_successor(H2Conn& conn);
  void note_worn(H2Conn& conn);  // it takes no more calls, or soon will not
  void note_goaway(H2Conn& conn);
  void note_reset(bool ours);
  // It idles, but there would be too few spares without it.
  bool keeps(H2Conn& conn);
  void destroy(H2Call& call) { calls_.destroy(&call); }
  void bury(H2Conn& conn);

 private:
  base::Result<H2Conn*> dial(Origin& origin, base::Nanos connect_timeout);
  std::size_t& gauge(H2Conn::Standing standing);

  io::Io& io_;
  Pool& owner_;
  PoolCounters& counters_;
  http::H2Memory memory_;  // outlives the sessions
  base::Slab<H2Conn> conns_;
  base::Slab<H2Call> calls_;
  std::size_t gone_ = 0;
  bool closing_ = false;
};

}  // namespace headrace::upstream
