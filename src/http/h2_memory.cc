#include "http/h2_memory.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/assert.h"

namespace headrace::http {
namespace {

// AddressSanitizer sees the ends of allocations, not those of pieces inside a slab.
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

constexpr std::size_t kSmallestShift = 6;
static_assert(std::size_t{1} << kSmallestShift == H2Memory::kSmallest);

bool is_slabbed(std::size_t size) {
  return kUseSlabs && size <= H2Memory::kSlabbed;
}

// In front of what nghttp2 sees.
struct alignas(std::max_align_t) Header {
  std::size_t bytes;  // header included
};

void* functions_malloc(std::size_t size, void* account) {
  return static_cast<H2Account*>(account)->take(size);
}
void functions_free(void* piece, void* account) {
  if (piece != nullptr) static_cast<H2Account*>(account)->put(piece);
}
void* functions_calloc(std::size_t count, std::size_t size, void* account) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* piece = static_cast<H2Account*>(account)->take(count * size);
  if (piece != nullptr) std::memset(piece, 0, count * size);
  return piece;
}
void* functions_realloc(void* piece, std::size_t size, void* account) {
  return static_cast<H2Account*>(account)->resize(piece, size);
}

}  // namespace

H2Memory::~H2Memory() {
  HEADRACE_ASSERT(bytes_out_ == 0);
  for (std::size_t index = 0; index < kClasses; ++index) {
    if (is_slabbed(size_of(index))) continue;
    for (FreePiece* piece = free_[index]; piece != nullptr;) {
      FreePiece* next = piece->next;
      std::free(piece);
      piece = next;
    }
  }
  for (char* slab : slabs_) std::free(slab);
}

std::size_t H2Memory::class_of(std::size_t bytes) {
  if (bytes <= kSmallest) return 0;
  // 2^shift < bytes <= 2^(shift+1), in quarters.
  const auto shift = static_cast<std::size_t>(std::bit_width(bytes - 1)) - 1;
  const std::size_t quarter = (bytes - 1 - (std::size_t{1} << shift)) >> (shift - 2);
  return (shift - kSmallestShift) * 4 + quarter + 1;
}

std::size_t H2Memory::size_of(std::size_t index) {
  const std::size_t shift = kSmallestShift + index / 4;
  return (std::size_t{1} << shift) + (index % 4) * (std::size_t{1} << (shift - 2));
}

std::size_t H2Memory::rounded(std::size_t bytes) {
  return bytes > kLargest ? bytes : size_of(class_of(bytes));
}

void* H2Memory::take(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  void* piece = nullptr;
  if (bytes > kLargest) {
    ++heap_calls_;
    piece = std::malloc(size);
  } else if (FreePiece*& list = free_[class_of(bytes)]; list != nullptr) {
    piece = list;
    list = list->next;
    free_bytes_[class_of(bytes)] -= size;
  } else if (is_slabbed(size)) {
    piece = cut(size);
  } else {
    ++heap_calls_;
    piece = std::malloc(size);
  }
  if (piece != nullptr) bytes_out_ += size;
  return piece;
}

// The end of a slab that is too short for this piece is lost; at most one piece a slab.
void* H2Memory::cut(std::size_t size) {
  if (uncut_bytes_ < size) {
    ++heap_calls_;
    auto* slab = static_cast<char*>(std::malloc(kSlabBytes));
    if (slab == nullptr) return nullptr;
    slabs_.push_back(slab);
    uncut_ = slab;
    uncut_bytes_ = kSlabBytes;
  }
  char* piece = uncut_;
  uncut_ += size;
  uncut_bytes_ -= size;
  return piece;
}

void H2Memory::put(void* piece, std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  HEADRACE_ASSERT(bytes_out_ >= size);
  bytes_out_ -= size;
  const std::size_t index = bytes > kLargest ? 0 : class_of(bytes);
  if (bytes > kLargest || (!is_slabbed(size) && free_bytes_[index] + size > kIdleBytesPerClass)) {
    std::free(piece);
    return;
  }
  free_[index] = new (piece) FreePiece{free_[index]};
  free_bytes_[index] += size;
}

H2Account::H2Account(H2Memory& memory, std::size_t most)
    : memory_(memory),
      most_(most),
      functions_{.mem_user_data = this,
                 .malloc = functions_malloc,
                 .free = functions_free,
                 .calloc = functions_calloc,
                 .realloc = functions_realloc} {}

H2Account::~H2Account() {
  HEADRACE_ASSERT(bytes_ == 0);
}

void* H2Account::take(std::size_t bytes) {
  if (bytes > most_) return nullptr;
  const std::size_t whole = bytes + sizeof(Header);
  if (bytes_ + H2Memory::rounded(whole) > most_) return nullptr;
  void* piece = memory_.take(whole);
  if (piece == nullptr) return nullptr;
  bytes_ += H2Memory::rounded(whole);
  most_seen_ = std::max(most_seen_, bytes_);
  return new (piece) Header{whole} + 1;
}

void H2Account::put(void* piece) {
  Header* header = static_cast<Header*>(piece) - 1;
  const std::size_t whole = header->bytes;
  bytes_ -= H2Memory::rounded(whole);
  memory_.put(header, whole);
}

void* H2Account::resize(void* piece, std::size_t bytes) {
  if (piece == nullptr) return take(bytes);
  const std::size_t held = (static_cast<Header*>(piece) - 1)->bytes - sizeof(Header);
  void* moved = take(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, piece, std::min(held, bytes));
  put(piece);
  return moved;
}

}  // namespace headrace::http
