#include "http/h2_memory.h"

#include <algorithm>
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

bool is_slabbed(std::size_t size) {
  return kUseSlabs && size <= H2Memory::kSlabbed;
}

// In front of what nghttp2 sees.
struct alignas(std::max_align_t) Header {
  std::size_t bytes;  // without it
  H2Memory::Kind kind;
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
    if (is_slabbed(kSizes[index])) continue;
    for (FreePiece* piece = free_[index].first; piece != nullptr;) {
      FreePiece* next = piece->next;
      std::free(piece);
      piece = next;
    }
  }
  for (char* slab : slabs_) std::free(slab);
}

void* H2Memory::take(Kind kind) {
  void* piece = nullptr;
  if (kind.index == kClasses) {
    ++heap_calls_;
    piece = std::malloc(kind.size);
  } else if (FreeList& list = free_[kind.index]; list.first != nullptr) {
    piece = list.first;
    list.first = list.first->next;
    if (!is_slabbed(kind.size)) list.bytes -= kind.size;
  } else if (is_slabbed(kind.size)) {
    piece = cut(kind.size);
  } else {
    ++heap_calls_;
    piece = std::malloc(kind.size);
  }
  if (piece != nullptr) bytes_out_ += kind.size;
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

void H2Memory::put(void* piece, Kind kind) {
  HEADRACE_ASSERT(bytes_out_ >= kind.size);
  bytes_out_ -= kind.size;
  if (kind.index == kClasses) {
    std::free(piece);
    return;
  }
  FreeList& list = free_[kind.index];
  if (!is_slabbed(kind.size)) {
    if (list.bytes + kind.size > kIdleBytesPerClass) {
      std::free(piece);
      return;
    }
    list.bytes += kind.size;
  }
  list.first = new (piece) FreePiece{list.first};
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
  const H2Memory::Kind kind = H2Memory::kind_of(bytes + sizeof(Header));
  if (bytes_ + kind.size > most_) return nullptr;
  void* piece = memory_.take(kind);
  if (piece == nullptr) return nullptr;
  bytes_ += kind.size;
  most_seen_ = std::max(most_seen_, bytes_);
  return new (piece) Header{bytes, kind} + 1;
}

void H2Account::put(void* piece) {
  Header* header = static_cast<Header*>(piece) - 1;
  const H2Memory::Kind kind = header->kind;
  bytes_ -= kind.size;
  memory_.put(header, kind);
}

void* H2Account::resize(void* piece, std::size_t bytes) {
  if (piece == nullptr) return take(bytes);
  const std::size_t held = (static_cast<Header*>(piece) - 1)->bytes;
  void* moved = take(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, piece, std::min(held, bytes));
  put(piece);
  return moved;
}

}  // namespace headrace::http
