// LifeSpan: how long a server lets its connections live, or idle, as far as can be told: from what
// it announces, and from the ages at which it ended them. safe() is how long one may be relied on.
// What was learned by mistake (a server that restarted) heals: a span that nobody confirmed grows
// with each connection that outlives it. Values, one thread.
#pragma once

#include "base/time.h"

namespace headrace::upstream {

class LifeSpan {
 public:
  // `usual`: what is relied on while nothing is known; `most`: however much is announced.
  LifeSpan(base::Nanos usual, base::Nanos most) : usual_(usual), most_(most) {}

  base::Nanos safe() const;
  void announce(base::Nanos span) { announced_ = span; }
  // The server ended one of this age. One that ended soon after it was made says nothing.
  void note_end(base::Nanos age);
  // One was given up by us at safe(), and was still good.
  void note_outlived();

 private:
  base::Nanos usual_;
  base::Nanos most_;
  base::Nanos announced_ = 0;  // 0: nothing
  base::Nanos learned_ = 0;    // likewise
  bool confirmed_ = false;     // by a second one that ended at about that age
};

}  // namespace headrace::upstream
