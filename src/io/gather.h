// Gather: bytes that may arrive in pieces but must be read as one text (a message head). Nothing is
// copied while one slice holds everything; only what turns out incomplete moves into a block.
//
//   Bytes text = gather.join(slice, blocks);   // everything so far, the newest slice included
//   incomplete:  gather.keep(slice, blocks);   // and wait for the next slice
//   complete:    slice.drop_front(used - gather.before()); gather.reset();
#pragma once

#include <cstddef>
#include <string_view>

#include "io/block_pool.h"

namespace headrace::io {

class Gather {
 public:
  // REQUIRES: gathered bytes and the slice together stay below 64 KiB (the caller's bound).
  std::string_view join(const Slice& newest, BlockPool& blocks);
  void keep(const Slice& newest, BlockPool& blocks);

  // Bytes of the text that came before the newest slice.
  std::size_t before() const { return before_; }
  std::size_t size() const { return block_.size(); }
  bool empty() const { return block_.buffer() == nullptr; }
  void reset() {
    block_.reset();
    before_ = 0;
  }

 private:
  void append(const Slice& newest, BlockPool& blocks);

  Slice block_;
  std::size_t before_ = 0;
};

}  // namespace headrace::io
