#include "io/gather.h"

#include <algorithm>
#include <cstring>

namespace headrace::io {

std::string_view Gather::join(const Slice& newest, BlockPool& blocks) {
  if (empty()) return newest.view();
  before_ = block_.size();
  append(newest, blocks);
  return block_.view();
}

void Gather::keep(const Slice& newest, BlockPool& blocks) {
  if (empty()) append(newest, blocks);  // else join() has copied it already
}

void Gather::append(const Slice& newest, BlockPool& blocks) {
  if (empty() || block_.tailroom() < newest.size()) {
    // Twice what is there, so that a head that comes byte by byte is not copied over and over.
    Slice larger = blocks.take(std::max((block_.size() + newest.size()) * 2, std::size_t{960}));
    if (!block_.empty()) std::memcpy(larger.data(), block_.data(), block_.size());
    larger.grow_back(block_.size());
    block_ = std::move(larger);
  }
  std::memcpy(block_.data() + block_.size(), newest.data(), newest.size());
  block_.grow_back(newest.size());
}

}  // namespace headrace::io
