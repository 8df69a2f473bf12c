#include "io/compact.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"

namespace headrace::io {

std::size_t push_compact(SliceQueue& queue,
                         Slice slice,
                         BlockPool& blocks,
                         const ReceivePool& pool) {
  if (slice.empty()) return 0;
  const bool touches = !queue.empty() && queue.back().touches(slice);
  const bool small = slice.size() <= base::limits::kSmallPieceBytes;
  const bool leased = slice.buffer() != nullptr && slice.buffer()->home == &pool;
  const bool scarce = leased && pool.scarce();
  if (touches && !scarce) {
    queue.push(std::move(slice));
    return 0;
  }
  // The first piece stays where it is; later small ones join it in the free room of its buffer.
  const bool fits = !queue.empty() && queue.back().buffer() != nullptr &&
                    queue.back().buffer() != slice.buffer() &&
                    queue.back().tailroom() >= slice.size();
  const std::size_t size = slice.size();
  if (fits && (small || scarce)) {
    std::memcpy(queue.back().data() + queue.back().size(), slice.data(), size);
    queue.extend_back(size);
    return size;
  }
  // Many small pieces of one buffer (a body in tiny chunks) must not become many links.
  const bool crowded = small && queue.count() >= base::limits::kSendSegments;
  if (scarce || crowded) {
    Slice block = blocks.take(std::max(size, pool.buffer_bytes()));
    std::memcpy(block.data(), slice.data(), size);
    block.grow_back(size);
    queue.push(std::move(block), false);
    return size;
  }
  queue.push(std::move(slice));
  return 0;
}

}  // namespace headrace::io
