#include "io/block_pool.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace headrace::io {
namespace {

constexpr std::uint16_t kUnpooled = UINT16_MAX;

}  // namespace

BlockPool::~BlockPool() {
  HEADRACE_ASSERT(blocks_out_ == 0);
  for (FreeBlock* list : free_) {
    while (list != nullptr) {
      FreeBlock* next = list->next;
      std::free(list);
      list = next;
    }
  }
}

// The Buffer stands at the start of its own block, so that a block is one allocation.
Slice BlockPool::take(std::size_t bytes) {
  const std::size_t wanted = bytes + sizeof(Buffer);
  std::size_t shift = static_cast<std::size_t>(std::bit_width(wanted - 1));
  if (shift < kSmallestShift) shift = kSmallestShift;
  const bool pooled = shift <= kLargestShift;
  const std::size_t size = pooled ? std::size_t{1} << shift : wanted;

  void* memory = nullptr;
  if (pooled && free_[shift - kSmallestShift] != nullptr) {
    FreeBlock*& list = free_[shift - kSmallestShift];
    memory = list;
    list = list->next;
    free_bytes_[shift - kSmallestShift] -= size;
  } else {
    memory = std::malloc(size);
    HEADRACE_ASSERT(memory != nullptr);
  }
  auto* buffer = new (memory) Buffer;
  buffer->home = this;
  buffer->base = static_cast<char*>(memory) + sizeof(Buffer);
  buffer->capacity = static_cast<std::uint32_t>(size - sizeof(Buffer));
  buffer->id = pooled ? static_cast<std::uint16_t>(shift) : kUnpooled;
  ++blocks_out_;
  Slice slice(*buffer, buffer->base, 0);
  slice.set_tailroom(buffer->capacity);
  return slice;
}

Slice BlockPool::copy_of(std::string_view bytes) {
  Slice slice = take(bytes.size());
  std::memcpy(slice.data(), bytes.data(), bytes.size());
  Buffer& buffer = *slice.buffer();
  Slice filled(buffer, buffer.base, bytes.size());
  filled.set_tailroom(buffer.capacity - bytes.size());
  return filled;
}

void BlockPool::take_back(Buffer& buffer) {
  HEADRACE_ASSERT(blocks_out_ > 0);
  --blocks_out_;
  const std::uint16_t shift = buffer.id;
  if (shift == kUnpooled) {
    std::free(&buffer);
    return;
  }
  const std::size_t size = std::size_t{1} << shift;
  const std::size_t index = shift - kSmallestShift;
  if (free_bytes_[index] + size > kIdleBytesPerClass) {
    std::free(&buffer);
    return;
  }
  auto* block = reinterpret_cast<FreeBlock*>(&buffer);
  block->next = free_[index];
  free_[index] = block;
  free_bytes_[index] += size;
}

}  // namespace headrace::io
