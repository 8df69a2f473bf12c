// Blocks of memory that we fill ourselves: request bodies, heads, coalesced output. Size classes
// are powers of two; a freed block waits in its class's free list for the next taker, so that a
// warmed-up worker does not allocate. Small blocks are cut from slabs, so that a burst that needs a
// few more than ever before does not allocate either, and are kept until the pool dies. Of larger
// ones a bounded number is kept; the rest goes back to the heap. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "io/slice.h"

namespace headrace::io {

class BlockPool final : public BufferHome {
 public:
  static constexpr std::size_t kSmallestShift = 9;  // 512 B
  static constexpr std::size_t kSlabShift = 12;     // 4 KiB; up to here blocks are cut from slabs
  static constexpr std::size_t kLargestShift = 20;  // 1 MiB; larger blocks are not kept
  static constexpr std::size_t kSlabBytes = 256 * 1024;
  static constexpr std::size_t kIdleBytesPerClass = 4u << 20;

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // An empty slice at the start of a block with at least `bytes` of room: tailroom says how much
  // (up to 65,535; `Buffer::capacity` has the whole truth).
  Slice take(std::size_t bytes);

  // A block that holds a copy of `bytes`.
  Slice copy_of(std::string_view bytes);

  void take_back(Buffer& buffer) override;

  std::size_t blocks_out() const { return blocks_out_; }

 private:
  static constexpr std::size_t kClasses = kLargestShift - kSmallestShift + 1;
  struct FreeBlock {
    FreeBlock* next;
  };

  // The part of a slab that was never handed out (and so never touched).
  struct Uncut {
    char* next = nullptr;
    char* end = nullptr;
  };

  void* find(std::size_t shift);
  void* cut(std::size_t shift);
  void release(void* memory, std::size_t shift);

  std::vector<char*> slabs_;
  std::array<Uncut, kSlabShift - kSmallestShift + 1> uncut_{};
  std::array<FreeBlock*, kClasses> free_{};
  std::array<std::size_t, kClasses> free_bytes_{};
  std::size_t blocks_out_ = 0;
};

}  // namespace headrace::io
