// A pool of objects of one type: blocks of them are allocated as needed up to a cap, freed objects
// are reused last-in first-out and never returned to the heap before the slab dies. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace headrace::base {

template <typename T>
class Slab {
 public:
  explicit Slab(std::size_t capacity, std::size_t block_size = 16)
      : capacity_(capacity), block_size_(block_size) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { HEADRACE_ASSERT(in_use_ == 0); }

  // Null when the cap is reached.
  template <typename... Arguments>
  T* make(Arguments&&... arguments) {
    if (free_ == nullptr && !grow()) return nullptr;
    Slot* slot = free_;
    free_ = slot->next;
    ++in_use_;
    return new (slot->storage) T(std::forward<Arguments>(arguments)...);
  }

  void destroy(T* object) {
    HEADRACE_ASSERT(in_use_ > 0);
    object->~T();
    auto* slot = reinterpret_cast<Slot*>(object);
    slot->next = free_;
    free_ = slot;
    --in_use_;
  }

  std::size_t in_use() const { return in_use_; }
  std::size_t capacity() const { return capacity_; }

 private:
  union Slot {
    Slot* next;
    alignas(T) unsigned char storage[sizeof(T)];
  };

  bool grow() {
    const std::size_t made = blocks_.size() * block_size_;
    if (made >= capacity_) return false;
    blocks_.push_back(std::make_unique<Slot[]>(block_size_));
    for (std::size_t i = block_size_; i-- > 0;) {
      if (made + i >= capacity_) continue;
      blocks_.back()[i].next = free_;
      free_ = &blocks_.back()[i];
    }
    return free_ != nullptr;
  }

  std::size_t capacity_;
  std::size_t block_size_;
  std::size_t in_use_ = 0;
  Slot* free_ = nullptr;
  std::vector<std::unique_ptr<Slot[]>> blocks_;
};

}  // namespace headrace::base
