// A first-in first-out queue of slices: a ring that starts inside the object and moves to the heap
// when it outgrows that (and keeps the room, so that a warmed-up connection does not allocate).
// Slices that touch are joined. Bounds on bytes are the owner's business; kSlicesMax bounds the
// count.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "base/assert.h"
#include "io/slice.h"

namespace headrace::io {

class SliceQueue {
 public:
  static constexpr std::size_t kInline = 4;
  static constexpr std::size_t kSlicesMax = 4096;

  SliceQueue() = default;
  SliceQueue(const SliceQueue&) = delete;
  SliceQueue& operator=(const SliceQueue&) = delete;

  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }

  Slice& operator[](std::size_t i) { return slots_[(head_ + i) & (capacity_ - 1)]; }
  Slice& front() { return (*this)[0]; }
  Slice& back() { return (*this)[count_ - 1]; }

  // Joins with the last slice where the two touch; `may_join` false keeps them apart (the last one
  // is already in the kernel's hands).
  void push(Slice slice, bool may_join = true) {
    if (slice.empty()) return;
    bytes_ += slice.size();
    if (may_join && count_ != 0 && back().touches(slice)) {
      back().absorb(std::move(slice));
      return;
    }
    if (count_ == capacity_) grow();
    ++count_;
    back() = std::move(slice);
  }

  // Puts back what was popped and not used up.
  void push_front(Slice slice) {
    if (slice.empty()) return;
    if (count_ == capacity_) grow();
    bytes_ += slice.size();
    head_ = (head_ + capacity_ - 1) & (capacity_ - 1);
    ++count_;
    front() = std::move(slice);
  }

  Slice pop() {
    HEADRACE_ASSERT(count_ != 0);
    Slice slice = std::move(front());
    head_ = (head_ + 1) & (capacity_ - 1);
    --count_;
    bytes_ -= slice.size();
    return slice;
  }

  // Drops `bytes` from the front: they were sent.
  void consume(std::size_t bytes) {
    HEADRACE_ASSERT(bytes <= bytes_);
    while (bytes != 0) {
      Slice& slice = front();
      if (slice.size() > bytes) {
        slice.drop_front(bytes);
        bytes_ -= bytes;
        return;
      }
      bytes -= slice.size();
      pop();
    }
  }

  // Bytes appended in place to the last slice, inside its tailroom. Accounting only.
  void extend_back(std::size_t bytes) {
    back().grow_back(bytes);
    bytes_ += bytes;
  }

  void clear() {
    while (!empty()) pop();
  }

 private:
  void grow() {
    HEADRACE_ASSERT(capacity_ < kSlicesMax);
    const std::size_t larger = capacity_ * 2;
    auto heap = std::make_unique<Slice[]>(larger);
    for (std::size_t i = 0; i < count_; ++i) heap[i] = std::move((*this)[i]);
    heap_ = std::move(heap);
    slots_ = heap_.get();
    capacity_ = larger;
    head_ = 0;
  }

  std::array<Slice, kInline> inline_;
  std::unique_ptr<Slice[]> heap_;
  Slice* slots_ = inline_.data();
  std::size_t capacity_ = kInline;
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace headrace::io
