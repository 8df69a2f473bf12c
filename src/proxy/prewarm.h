// Prewarm: a session begins soon, and its first turn shall not wait for a handshake. Makes sure of
// a connection to every target that a caller may be answered by, on this worker, and says how each
// stands. Asked for by POST /v1/prewarm, and by GET /v1/models, which clients call when they start.
#pragma once

#include "io/block_pool.h"
#include "policy/admission.h"
#include "proxy/workshop.h"

namespace headrace::proxy {

// {"object":"list","data":[{"target":"NAME","provider":"NAME","state":"warm"},...]}: `warm` (a
// connection is ready), `connecting`, or `cold` (none, and none can be had now).
io::Slice prewarm(upstream::Pool& pool,
                  const Live& live,
                  const policy::Caller& caller,
                  io::BlockPool& blocks);

}  // namespace headrace::proxy
