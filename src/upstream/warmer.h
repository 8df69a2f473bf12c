// Warmer: sees to it that a request finds a connection that is ready. For each origin it keeps
// `warm_min` spare ones: idle connections of HTTP/1.1, or ones of HTTP/2 with room for a stream. A
// spare is dialled in the background when one is missing: at start, when one was taken, when one
// died, and before one grows too old to be relied on (its successor first, then it goes).
//
// An origin that is down is dialled again after a wait that doubles, with jitter, and at most
// kSpareDials are on their way at once: never a storm. Part of the Pool, one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/prng.h"
#include "io/io.h"

namespace headrace::upstream {

class Origin;
class Pool;

class Warmer {
 public:
  Warmer(io::Io& io, Pool& pool, std::uint64_t seed);
  Warmer(const Warmer&) = delete;
  Warmer& operator=(const Warmer&) = delete;
  ~Warmer();

  // Something may be missing: it is looked into after `delay`, never from inside.
  void touch(base::Nanos delay);
  void stop();
  // One spare more, now. False: it could not be.
  bool dial(Origin& origin);

  // How a spare fared that was dialled from here.
  void note_spare_dialled();
  void note_spare_failed(Origin& origin);
  // One that idled, unused, was ended soon after it was made.
  void note_died_young(Origin& origin);
  // Somebody got an answer: it is not down.
  static void note_good(Origin& origin);

 private:
  void on_timer();
  base::Nanos tend(Origin& origin);

  io::Io& io_;
  Pool& pool_;
  io::Timer timer_;
  base::Prng random_;
  std::size_t dialling_ = 0;
  bool stopped_ = false;
};

}  // namespace headrace::upstream
