#include "io/receive_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace headrace::io {

ReceivePool::ReceivePool(ReceivePoolOptions options) : options_(options) {
  HEADRACE_ASSERT(options_.cap <= 32768);
  HEADRACE_ASSERT(options_.initial > 0 && options_.initial <= options_.cap);
}

ReceivePool::~ReceivePool() {
  HEADRACE_ASSERT(out() == 0);  // every lease was returned
  for (const auto& [memory, bytes] : mappings_) ::munmap(memory, bytes);
}

void ReceivePool::start() {
  HEADRACE_ASSERT(!started_);
  started_ = true;
  add(options_.initial);
}

void ReceivePool::add(std::size_t count) {
  // One mapping holds the Buffers and, from the next page on, their bytes; nothing is touched
  // before use.
  const std::size_t heads = (count * sizeof(Buffer) + 4095) & ~std::size_t{4095};
  const std::size_t bytes = heads + count * stride();
  void* memory = ::mmap(
      nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  HEADRACE_ASSERT(memory != MAP_FAILED);
  mappings_.emplace_back(memory, bytes);
  auto* buffers = static_cast<Buffer*>(memory);
  char* storage = static_cast<char*>(memory) + heads;
  for (std::size_t i = 0; i < count; ++i) {
    auto* buffer = new (&buffers[i]) Buffer;
    buffer->home = this;
    buffer->base = storage + i * stride();
    buffer->capacity = static_cast<std::uint32_t>(stride());
    buffer->id = static_cast<std::uint16_t>(buffers_.size());
    buffers_.push_back(buffer);
    ++free_count_;
    on_free(*buffer);
  }
}

bool ReceivePool::grow() {
  if (total() >= options_.cap) return false;
  add(std::min(options_.cap - total(), std::max(options_.initial, total() / 2)));
  return true;
}

Buffer* ReceivePool::take() {
  if (!started_) start();
  if (free_.empty() && !grow()) return nullptr;
  Buffer* buffer = free_.back();
  free_.pop_back();
  --free_count_;
  HEADRACE_ASSERT(buffer->references == 0);
  return buffer;
}

Slice ReceivePool::received(Buffer& buffer, std::size_t size) {
  HEADRACE_ASSERT(buffer.references == 0);
  HEADRACE_ASSERT(size <= options_.buffer_bytes);
  Slice slice(buffer, landing(buffer), size);
  slice.set_headroom(kHeadMargin);
  slice.set_tailroom(kTailMargin + options_.buffer_bytes - size);
  return slice;
}

void ReceivePool::put_back(Buffer& buffer) {
  HEADRACE_ASSERT(buffer.references == 0);
  take_back(buffer);
}

void ReceivePool::take_back(Buffer& buffer) {
  HEADRACE_ASSERT(buffer.references == 0);
  HEADRACE_ASSERT(free_count_ < total());
  ++free_count_;
  on_free(buffer);
}

void ReceivePool::on_free(Buffer& buffer) {
  free_.push_back(&buffer);
}

}  // namespace headrace::io
