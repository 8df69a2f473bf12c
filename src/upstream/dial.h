// Dial: one connection in the making. It tries the addresses of an origin until one of them
// answers, and shakes hands there: the next one as soon as one fails, or when one has not answered
// for kDialStagger (RFC 8305: families alternate, and an address that failed before comes last).
// Who was reached and is not to be trusted, or does not shake hands, or is a proxy that does not
// let us through, is not asked a second time by another address. Part of the connection that it is
// made for, one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/intrusive_list.h"
#include "io/io.h"
#include "upstream/lane.h"

namespace headrace::upstream {

// One of the two, once, unless the dial was stopped before. The dial may die in either.
class DialOwner {
 public:
  virtual void on_dialled(Lane& lane) = 0;  // open, and the owner's from here on
  virtual void on_dial_failed(base::Error error) = 0;

 protected:
  ~DialOwner() = default;
};

class Dial {
 public:
  Dial(io::Io& io, Pool& pool, Origin& origin, DialOwner& owner);
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;
  ~Dial();

  // REQUIRES: just made, and the origin has addresses.
  base::Status start(base::Nanos deadline);
  void stop();
  // Somebody else waits for it from here on, with a patience of his own. REQUIRES: under way.
  void move_deadline(base::Nanos deadline);
  base::Nanos deadline() const { return deadline_; }

  // -- from its lanes
  void on_lane_open(Lane& lane);
  void on_lane_failed(Lane& lane, base::Error error);

 private:
  using LaneList = base::IntrusiveList<Lane, &Lane::link>;

  base::Status try_next();
  bool reached();
  void note_timeout();
  void arm();
  void on_timer();
  void fail(base::Error error);

  io::Io& io_;
  Pool& pool_;
  Origin& origin_;
  DialOwner& owner_;
  io::Timer timer_;  // the next address, or the end
  LaneList lanes_;
  base::Nanos deadline_ = 0;
  base::Nanos next_at_ = 0;
  std::size_t turn_ = 0;
  std::uint32_t tried_ = 0;  // a bit each
  int last_family_ = 0;
};

}  // namespace headrace::upstream
