// Slice: a move-only lease on bytes that are about to be parsed, relayed or sent. Whoever holds it
// owns it.
//
// The bytes lie in a Buffer: a receive buffer that the kernel filled, or a block that we filled. A
// buffer goes home when its last slice dies (`split_front` makes a second lease on the same buffer:
// two events in one receive buffer). A slice without a buffer borrows bytes that outlive it (string
// constants, request bodies).
//
// headroom and tailroom say how many bytes directly before and after the slice are nobody's: an
// upstream's chunk framing, already parsed, or the margin of the buffer. The relay writes its own
// framing there, which is how an event leaves in one contiguous send straight from the receive
// buffer.
//
// One thread. A buffer that goes home twice, or while the kernel still sends from it, ends the
// process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace headrace::io {

struct Buffer;

// Where a buffer returns to when its last slice dies.
class BufferHome {
 public:
  virtual void take_back(Buffer& buffer) = 0;
  // Little is left, and there may be no more: who keeps slices should copy them and give the
  // buffers back.
  virtual bool scarce() const { return false; }

 protected:
  ~BufferHome() = default;
};

struct Buffer {
  BufferHome* home = nullptr;
  char* base = nullptr;        // first byte of the storage, margins included
  std::uint32_t capacity = 0;  // bytes of storage, margins included
  std::uint16_t references = 0;
  std::uint16_t id = 0;  // meaning is the home's
};

class Slice {
 public:
  Slice() = default;

  // A lease on `size` bytes at `data` inside `buffer`; counts as one reference.
  Slice(Buffer& buffer, char* data, std::size_t size)
      : data_(data), buffer_(&buffer), size_(static_cast<std::uint32_t>(size)) {
    HEADRACE_ASSERT(data >= buffer.base && data + size <= buffer.base + buffer.capacity);
    ++buffer.references;
  }

  // Bytes that outlive every use of the slice. Never written to.
  static Slice borrowed(std::string_view bytes) {
    Slice slice;
    slice.data_ = const_cast<char*>(bytes.data());
    slice.size_ = static_cast<std::uint32_t>(bytes.size());
    return slice;
  }

  Slice(Slice&& other) noexcept { swap(other); }
  Slice& operator=(Slice&& other) noexcept {
    if (this != &other) {
      reset();
      swap(other);
    }
    return *this;
  }
  Slice(const Slice&) = delete;
  Slice& operator=(const Slice&) = delete;
  ~Slice() { reset(); }

  void reset() {
    if (buffer_ != nullptr) {
      HEADRACE_ASSERT(buffer_->references > 0);
      Buffer* buffer = std::exchange(buffer_, nullptr);
      if (--buffer->references == 0) buffer->home->take_back(*buffer);
    }
    data_ = nullptr;
    size_ = 0;
    headroom_ = tailroom_ = 0;
  }

  char* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }
  Buffer* buffer() const { return buffer_; }

  std::size_t headroom() const { return headroom_; }
  std::size_t tailroom() const { return tailroom_; }
  void set_headroom(std::size_t bytes) { headroom_ = clamp_room(bytes); }
  void set_tailroom(std::size_t bytes) { tailroom_ = clamp_room(bytes); }

  // Grow over the free bytes beside the slice. REQUIRES: within headroom / tailroom.
  void grow_front(std::size_t bytes) {
    HEADRACE_ASSERT(bytes <= headroom_);
    data_ -= bytes;
    size_ += static_cast<std::uint32_t>(bytes);
    headroom_ = static_cast<std::uint16_t>(headroom_ - bytes);
  }
  void grow_back(std::size_t bytes) {
    HEADRACE_ASSERT(bytes <= tailroom_);
    size_ += static_cast<std::uint32_t>(bytes);
    tailroom_ = static_cast<std::uint16_t>(tailroom_ - bytes);
  }

  // Drop parsed bytes; they become free room.
  void drop_front(std::size_t bytes) {
    HEADRACE_ASSERT(bytes <= size_);
    data_ += bytes;
    size_ -= static_cast<std::uint32_t>(bytes);
    headroom_ = clamp_room(headroom_ + bytes);
  }
  void drop_back(std::size_t bytes) {
    HEADRACE_ASSERT(bytes <= size_);
    size_ -= static_cast<std::uint32_t>(bytes);
    tailroom_ = clamp_room(tailroom_ + bytes);
  }

  // Cuts the first `bytes` off into a slice of their own (a second lease on the buffer). The two
  // touch, so neither has room at the cut; where nothing stays behind, the room behind goes along.
  Slice split_front(std::size_t bytes) {
    HEADRACE_ASSERT(bytes <= size_);
    Slice front;
    if (bytes == size_) front.tailroom_ = std::exchange(tailroom_, std::uint16_t{0});
    front.data_ = data_;
    front.size_ = static_cast<std::uint32_t>(bytes);
    front.headroom_ = headroom_;
    front.buffer_ = buffer_;
    if (buffer_ != nullptr) ++buffer_->references;
    data_ += bytes;
    size_ -= static_cast<std::uint32_t>(bytes);
    headroom_ = 0;
    return front;
  }

  // True when `next` continues this slice in the same buffer: the two can leave as one.
  bool touches(const Slice& next) const {
    return buffer_ != nullptr && buffer_ == next.buffer_ && data_ + size_ == next.data_;
  }
  // REQUIRES: touches(next).
  void absorb(Slice&& next) {
    HEADRACE_ASSERT(touches(next));
    size_ += next.size_;
    tailroom_ = next.tailroom_;
    next.reset();
  }

 private:
  static std::uint16_t clamp_room(std::size_t bytes) {
    return static_cast<std::uint16_t>(bytes < UINT16_MAX ? bytes : UINT16_MAX);
  }
  void swap(Slice& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(buffer_, other.buffer_);
    std::swap(size_, other.size_);
    std::swap(headroom_, other.headroom_);
    std::swap(tailroom_, other.tailroom_);
  }

  char* data_ = nullptr;
  Buffer* buffer_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint16_t headroom_ = 0;
  std::uint16_t tailroom_ = 0;
};

static_assert(sizeof(Slice) == 24);

}  // namespace headrace::io
