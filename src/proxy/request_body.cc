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

void RequestBody::reset() {
  block_.reset();
  size_ = 0;
}

upstream::WireRequest RequestBody::compose(io::BlockPool& blocks, base::Bytes head) {
  upstream::WireRequest request;
  if (head.size() > kHeadRoom || block_.buffer()->references != 1) {
    request.first = blocks.copy_of(head);
    request.second = io::Slice(*block_.buffer(), begin(), size_);
    return request;
  }
  char* start = begin() - head.size();
  std::memcpy(start, head.data(), head.size());
  request.first = io::Slice(*block_.buffer(), start, head.size() + size_);
  return request;
}

upstream::WireRequest RequestBody::compose_edited(io::BlockPool& blocks,
                                                  base::Bytes head,
                                                  std::span<const base::Bytes> pieces) {
  // The longest piece that lies in the body, if it is worth it.
  std::size_t kept = pieces.size();
  std::size_t before = head.size();
  std::size_t behind = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool longest = kept == pieces.size() || pieces[i].size() > pieces[kept].size();
    if (pieces[i].size() > kCopiedBytes && longest) kept = i;
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i != kept) (i < kept ? before : behind) += pieces[i].size();
  }
  const auto joined = [&](base::Bytes first, std::span<const base::Bytes> rest, std::size_t size) {
    io::Slice block = blocks.take(size);
    char* next = base::write_bytes(block.data(), first);
    for (const base::Bytes piece : rest) next = base::write_bytes(next, piece);
    return io::Slice(*block.buffer(), block.data(), size);
  };
  upstream::WireRequest request;
  request.first = joined(head, pieces.first(kept), before);
  if (kept == pieces.size()) return request;
  HEADRACE_ASSERT(pieces[kept].data() >= begin() && pieces[kept].data() < begin() + size_);
  request.second =
      io::Slice(*block_.buffer(), const_cast<char*>(pieces[kept].data()), pieces[kept].size());
  if (behind != 0) request.third = joined({}, pieces.subspan(kept + 1), behind);
  return request;
}

}  // namespace headrace::proxy
