#include "io/block_pool.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace headrace::io {
namespace {

constexpr std::uint16_t kUnpooled = UINT16_MAX;

// AddressSanitizer sees the ends of allocations, not those of blocks inside a slab.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kUseSlabs = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kUseSlabs = false;
#else
constexpr bool kUseSlabs = true;
#endif
#else
constexpr bool kUseSlabs = true;
#endif

bool in_slab(std::size_t shift) {
  return kUseSlabs && shift <= BlockPool::kSlabShift;
}

}  // namespace

BlockPool::~BlockPool() {
  HEADRACE_ASSERT(blocks_out_ == 0);
  for (std::size_t index = 0; index < free_.size(); ++index) {
    if (in_slab(index + kSmallestShift)) continue;
    for (FreeBlock* block = free_[index]; block != nullptr;) {
      FreeBlock* next = block->next;
      std::free(block);
      block = next;
    }
  }
  for (char* slab : slabs_) std::free(slab);
}

void* BlockPool::find(std::size_t shift) {
  FreeBlock*& list = free_[shift - kSmallestShift];
  if (list == nullptr) return in_slab(shift) ? cut(shift) : std::malloc(std::size_t{1} << shift);
  FreeBlock* block = list;
  list = block->next;
  free_bytes_[shift - kSmallestShift] -= std::size_t{1} << shift;
  return block;
}

void* BlockPool::cut(std::size_t shift) {
  Uncut& uncut = uncut_[shift - kSmallestShift];
  if (uncut.next == uncut.end) {
    auto* slab = static_cast<char*>(std::malloc(kSlabBytes));
    HEADRACE_ASSERT(slab != nullptr);
    slabs_.push_back(slab);
    uncut = {slab, slab + kSlabBytes};
  }
  char* block = uncut.next;
  uncut.next += std::size_t{1} << shift;
  return block;
}

void BlockPool::release(void* memory, std::size_t shift) {
  const std::size_t size = std::size_t{1} << shift;
  const std::size_t index = shift - kSmallestShift;
  if (!in_slab(shift) && free_bytes_[index] + size > kIdleBytesPerClass) {
    std::free(memory);
    return;
  }
  auto* block = static_cast<FreeBlock*>(memory);
  block->next = free_[index];
  free_[index] = block;
  free_bytes_[index] += size;
}

// The Buffer stands at the start of its own block, so that a block is one allocation.
Slice BlockPool::take(std::size_t bytes) {
  const std::size_t wanted = bytes + sizeof(Buffer);
  std::size_t shift = static_cast<std::size_t>(std::bit_width(wanted - 1));
  if (shift < kSmallestShift) shift = kSmallestShift;
  const bool pooled = shift <= kLargestShift;
  const std::size_t size = pooled ? std::size_t{1} << shift : wanted;
  void* memory = pooled ? find(shift) : std::malloc(size);
  HEADRACE_ASSERT(memory != nullptr);
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
  if (!bytes.empty()) std::memcpy(slice.data(), bytes.data(), bytes.size());
  Buffer& buffer = *slice.buffer();
  Slice filled(buffer, buffer.base, bytes.size());
  filled.set_tailroom(buffer.capacity - bytes.size());
  return filled;
}

void BlockPool::take_back(Buffer& buffer) {
  HEADRACE_ASSERT(blocks_out_ > 0);
  --blocks_out_;
  if (buffer.id == kUnpooled) {
    std::free(&buffer);
  } else {
    release(&buffer, buffer.id);
  }
}

}  // namespace headrace::io
