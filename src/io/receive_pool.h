// The buffers that received bytes land in. One pool for clients and one for upstreams, so that
// uploads cannot starve tokens. A pool starts small and grows in steps while it is under pressure,
// up to its cap, so that an idle process stays small.
//
// Every buffer keeps a margin before and behind the bytes (kHeadMargin, kTailMargin): the relay
// writes its own heads and chunk framing there. Memory is mapped, not allocated, and never returned
// before the pool dies.
//
// UringIo derives from this class to offer free buffers to the kernel; EpollIo and the simulator
// take them one by one. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/slice.h"

namespace headrace::io {

struct ReceivePoolOptions {
  std::size_t buffer_bytes = 4096;  // room for received bytes in one buffer, margins not counted
  std::size_t initial = 32;
  std::size_t cap = 4096;  // at most 32768
};

class ReceivePool : public BufferHome {
 public:
  static constexpr std::size_t kHeadMargin =
      768;  // an answer head of ours fits, limits and timings included
  static constexpr std::size_t kTailMargin = 64;  // CRLF, and the padding that simdjson reads over

  explicit ReceivePool(ReceivePoolOptions options);
  ReceivePool(const ReceivePool&) = delete;
  ReceivePool& operator=(const ReceivePool&) = delete;
  virtual ~ReceivePool();

  std::size_t buffer_bytes() const { return options_.buffer_bytes; }
  std::size_t total() const { return buffers_.size(); }
  std::size_t free_count() const { return free_count_; }
  std::size_t out() const { return total() - free_count_; }

  bool scarce() const final { return total() >= options_.cap && free_count_ * 4 < total() + 4; }
  bool empty() const { return free_count_ == 0; }

  // A free buffer to receive into, or null when none is left (after an attempt to grow).
  Buffer* take();
  // Where received bytes go inside a buffer.
  char* landing(Buffer& buffer) const { return buffer.base + kHeadMargin; }
  // The lease on `size` bytes received into a buffer that was taken, or that the kernel chose.
  Slice received(Buffer& buffer, std::size_t size);
  // A buffer that was taken and not used.
  void put_back(Buffer& buffer);

  void take_back(Buffer& buffer) override;

 protected:
  // Called for every buffer that becomes free, at start included. The default keeps it in a list
  // for take().
  virtual void on_free(Buffer& buffer);
  // Adds buffers (half of what there is, at least `initial`); false at the cap.
  bool grow();
  void start();  // the first buffers; derived classes call it when on_free is ready
  Buffer& buffer(std::uint16_t id) { return *buffers_[id]; }
  void note_taken() { --free_count_; }

 private:
  void add(std::size_t count);
  std::size_t stride() const { return kHeadMargin + options_.buffer_bytes + kTailMargin; }

  ReceivePoolOptions options_;
  std::vector<Buffer*> buffers_;  // by id
  std::vector<Buffer*> free_;     // last in, first out: the warmest first
  std::vector<std::pair<void*, std::size_t>> mappings_;
  std::size_t free_count_ = 0;
  bool started_ = false;
};

}  // namespace headrace::io
