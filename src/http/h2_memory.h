// H2Memory: where nghttp2's memory comes from: free lists by size, so that a worker that has warmed
// up serves requests without the heap. H2Account is one session's view of it: it counts, and past
// its bound it says no, which ends that session and nothing else. One thread; the memory outlives
// its accounts.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/limits.h"

namespace headrace::http {

class H2Memory {
 public:
  static constexpr std::size_t kSmallest = 64;
  static constexpr std::size_t kSlabbed = 4096;        // up to here pieces are cut from slabs
  static constexpr std::size_t kLargest = 128 * 1024;  // larger ones are not kept
  static constexpr std::size_t kSlabBytes = 64 * 1024;
  static constexpr std::size_t kIdleBytesPerClass = 1u << 20;

  H2Memory() = default;
  H2Memory(const H2Memory&) = delete;
  H2Memory& operator=(const H2Memory&) = delete;
  ~H2Memory();

  // What a piece really takes, and whose free list it goes back to.
  struct Kind {
    std::uint32_t size;
    std::uint32_t index;  // kClasses: nobody's
  };
  // REQUIRES: below 4 GiB.
  static Kind kind_of(std::size_t bytes) {
    if (bytes > kLargest) return {static_cast<std::uint32_t>(bytes), kClasses};
    const std::size_t index = class_of(bytes);
    return {kSizes[index], static_cast<std::uint32_t>(index)};
  }
  static std::size_t rounded(std::size_t bytes) { return kind_of(bytes).size; }

  // A piece of at least `bytes`; null when the heap has none.
  void* take(std::size_t bytes) { return take(kind_of(bytes)); }
  void* take(Kind kind);
  // REQUIRES: as it was taken.
  void put(void* piece, std::size_t bytes) { put(piece, kind_of(bytes)); }
  void put(void* piece, Kind kind);

  std::size_t bytes_out() const { return bytes_out_; }
  // Times that the heap was asked.
  std::uint64_t heap_calls() const { return heap_calls_; }

 private:
  // Four sizes a doubling: 64 80 96 112 128 160 ... 128 KiB.
  static constexpr std::size_t kClasses = 45;
  static constexpr std::size_t kSmallestShift = 6;
  static_assert(std::size_t{1} << kSmallestShift == kSmallest);
  static constexpr std::size_t class_of(std::size_t bytes) {
    if (bytes <= kSmallest) return 0;
    // 2^shift < bytes <= 2^(shift+1), in quarters.
    const auto shift = static_cast<std::size_t>(std::bit_width(bytes - 1)) - 1;
    const std::size_t quarter = (bytes - 1 - (std::size_t{1} << shift)) >> (shift - 2);
    return (shift - kSmallestShift) * 4 + quarter + 1;
  }
  static constexpr std::array<std::uint32_t, kClasses> kSizes = [] {
    std::array<std::uint32_t, kClasses> sizes{};
    for (std::size_t index = 0; index < kClasses; ++index) {
      const std::size_t shift = kSmallestShift + index / 4;
      sizes[index] = static_cast<std::uint32_t>((std::size_t{1} << shift) +
                                                (index % 4) * (std::size_t{1} << (shift - 2)));
    }
    return sizes;
  }();

  struct FreePiece {
    FreePiece* next;
  };
  struct FreeList {
    FreePiece* first = nullptr;
    std::size_t bytes = 0;  // of those that go back to the heap one day
  };

  void* cut(std::size_t size);

  std::array<FreeList, kClasses> free_{};
  std::vector<char*> slabs_;
  char* uncut_ = nullptr;
  std::size_t uncut_bytes_ = 0;
  std::size_t bytes_out_ = 0;
  std::uint64_t heap_calls_ = 0;
};

class H2Account {
 public:
  explicit H2Account(H2Memory& memory, std::size_t most = base::limits::kH2SessionBytes);
  H2Account(const H2Account&) = delete;
  H2Account& operator=(const H2Account&) = delete;
  ~H2Account();

  // For nghttp2, which copies it; the account must not move.
  nghttp2_mem* functions() { return &functions_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t most_bytes() const { return most_seen_; }

  void* take(std::size_t bytes);
  void put(void* piece);
  void* resize(void* piece, std::size_t bytes);

 private:
  H2Memory& memory_;
  const std::size_t most_;
  std::size_t bytes_ = 0;
  std::size_t most_seen_ = 0;
  nghttp2_mem functions_;
};

}  // namespace headrace::http
