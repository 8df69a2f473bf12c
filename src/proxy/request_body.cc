#include "proxy/request_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace headrace::proxy {

void RequestBody::start(io::BlockPool& blocks, std::size_t expected) {
  HEADRACE_ASSERT(!started());
  block_ = blocks.take(kHeadRoom + expected + kPadding);
  size_ = 0;
}

void RequestBody::append(io::BlockPool& blocks, base::Bytes bytes) {
  if (bytes.empty()) return;
  if (size_ + bytes.size() > room()) {
    io::Slice larger =
        blocks.take(kHeadRoom + std::max(size_ * 2, size_ + bytes.size()) + kPadding);
    std::memcpy(larger.buffer()->base + kHeadRoom, begin(), size_);
    block_ = std::move(larger);
  }
  std::memcpy(begin() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void RequestBody::replace(io::BlockPool& blocks,
                          std::size_t begin,
                          std::size_t size,
                          base::Bytes text) {
  HEADRACE_ASSERT(begin + size <= size_);
  RequestBody edited;
  edited.start(blocks, size_ - size + text.size());
  edited.append(blocks, view().substr(0, begin));
  edited.append(blocks, text);
  edited.append(blocks, view().substr(begin + size));
  *this = std::move(edited);
}

void RequestBody::reset() {
  block_.reset();
  size_ = 0;
}

io::Slice RequestBody::compose(base::Bytes head) {
  if (head.size() > kHeadRoom || block_.buffer()->references != 1) return {};
  char* start = begin() - head.size();
  std::memcpy(start, head.data(), head.size());
  return io::Slice(*block_.buffer(), start, head.size() + size_);
}

io::Slice RequestBody::body_slice() {
  return io::Slice(*block_.buffer(), begin(), size_);
}

}  // namespace headrace::proxy
