// The body of a client's request, owned until the exchange is over because a retry needs it again.
// One block:
//
//   [ room for the upstream's head | body | padding ]
//
// The head is written right in front of the body, so that a request leaves in one contiguous send.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"
#include "io/block_pool.h"
#include "upstream/upstream_conn.h"

namespace headrace::proxy {

class RequestBody {
 public:
  static constexpr std::size_t kHeadRoom = 512;
  static constexpr std::size_t kPadding = 64;
  static constexpr std::size_t kCopiedBytes = base::limits::kCoalesceBytes;

  // Makes room for `expected` bytes; append() grows it where the length was not declared.
  void start(io::BlockPool& blocks, std::size_t expected);
  void append(io::BlockPool& blocks, base::Bytes bytes);
  void reset();

  bool started() const { return block_.buffer() != nullptr; }
  std::size_t size() const { return size_; }
  base::Bytes view() const { return {begin(), size_}; }

  // The request behind `head`, as it came: one piece, a second lease on the block, with the head in
  // the room before the body; the head in a block of its own when it does not fit there, or when an
  // earlier attempt may still be sending from this block.
  upstream::WireRequest compose(io::BlockPool& blocks, base::Bytes head);
  // The same with an edited body: `pieces` of it and of the edits' texts, in order. Up to
  // kCopiedBytes all of it is copied together, because that beats sending in parts; of a longer
  // one the longest piece goes out from where it lies.
  upstream::WireRequest compose_edited(io::BlockPool& blocks,
                                       base::Bytes head,
                                       std::span<const base::Bytes> pieces);

 private:
  char* begin() const { return started() ? block_.buffer()->base + kHeadRoom : nullptr; }
  std::size_t room() const { return block_.buffer()->capacity - kHeadRoom - kPadding; }

  io::Slice block_;
  std::size_t size_ = 0;
};

}  // namespace headrace::proxy
