// The body of a client's request, owned until the exchange is over because a retry needs it again.
// One block:
//
//   [ room for the upstream's head | body | padding ]
//
// The head is written right in front of the body, so that a request leaves in one contiguous send.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "io/block_pool.h"

namespace headrace::proxy {

class RequestBody {
 public:
  static constexpr std::size_t kHeadRoom = 512;
  static constexpr std::size_t kPadding = 64;

  // Makes room for `expected` bytes; append() grows it where the length was not declared.
  void start(io::BlockPool& blocks, std::size_t expected);
  void append(io::BlockPool& blocks, base::Bytes bytes);
  // Puts `text` in the place of `size` bytes from `begin` on.
  void replace(io::BlockPool& blocks, std::size_t begin, std::size_t size, base::Bytes text);
  void reset();

  bool started() const { return block_.buffer() != nullptr; }
  std::size_t size() const { return size_; }
  base::Bytes view() const { return {begin(), size_}; }

  // The request as one slice, head in front of the body: a second lease on the block. An empty
  // slice when the head does not fit, or when an earlier attempt may still be sending from this
  // block; then the head goes out from a block of its own, followed by body_slice().
  io::Slice compose(base::Bytes head);
  io::Slice body_slice();

 private:
  char* begin() const { return started() ? block_.buffer()->base + kHeadRoom : nullptr; }
  std::size_t room() const { return block_.buffer()->capacity - kHeadRoom - kPadding; }

  io::Slice block_;
  std::size_t size_ = 0;
};

}  // namespace headrace::proxy
