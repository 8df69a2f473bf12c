// Appends a received slice to a queue that will hold it for a while (a body piece before the commit
// point, the tail of an unfinished event, pipelined requests). Linking costs nothing but keeps a
// whole receive buffer busy for as long as the queue lives, so small pieces that fit behind the
// last one are copied there, and when receive buffers are scarce everything is copied into a block.
// Returns the bytes that were copied.
#pragma once

#include <cstddef>

#include "io/block_pool.h"
#include "io/receive_pool.h"
#include "io/slice_queue.h"

namespace headrace::io {

std::size_t push_compact(SliceQueue& queue,
                         Slice slice,
                         BlockPool& blocks,
                         const ReceivePool& pool);

}  // namespace headrace::io
