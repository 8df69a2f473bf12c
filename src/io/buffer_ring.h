// BufferRing: a receive pool whose free buffers lie with the kernel, which picks one when bytes
// arrive. So an idle connection holds no buffer, and one system call receives for any number of
// sockets.
//
// Owned beside the UringIo that attach()es it. Free buffers are written into memory shared with the
// kernel and become visible to it by publish(), once a batch. relieve() grows the pool before it
// runs dry, and when it cannot, sockets starve: UringIo keeps them on a list, because arming a
// receive on an empty ring fails at once (kernel: ENOBUFS even when no data waits). One thread.
#pragma once

#include <liburing.h>

#include "io/receive_pool.h"

namespace headrace::io {

class BufferRing final : public ReceivePool {
 public:
  explicit BufferRing(ReceivePoolOptions options) : ReceivePool(options), cap_(options.cap) {}
  ~BufferRing() override;

  // Registers with the ring under the group id and offers the first buffers. 0, or the errno of the
  // refusal.
  int attach(io_uring& ring, std::uint16_t group);
  // The ring is about to die: buffers that come home from now on stay there.
  void detach();

  // The kernel filled buffer `id` with `size` bytes.
  Slice taken(std::uint16_t id, std::size_t size) {
    note_taken();
    return received(buffer(id), size);
  }
  // The kernel took buffer `id` and filled nothing into it.
  void taken_unused(std::uint16_t id) {
    note_taken();
    put_back(buffer(id));
  }

  // One store makes every buffer that came home since the last call visible to the kernel.
  void publish() {
    if (tail_ == published_) return;
    published_ = tail_;
    if (shared_ != nullptr) __atomic_store_n(&shared_->tail, tail_, __ATOMIC_RELEASE);
  }

  // Grows when less than a quarter is free; at the cap it does nothing.
  void relieve() {
    if (free_count() * 4 <= total()) grow();
  }

 private:
  void on_free(Buffer& free_buffer) override;

  const std::size_t cap_;
  io_uring_buf_ring* shared_ = nullptr;
  std::size_t shared_bytes_ = 0;
  io_uring* ring_ = nullptr;
  std::uint16_t group_ = 0;
  std::uint16_t mask_ = 0;
  std::uint16_t tail_ = 0;
  std::uint16_t published_ = 0;
};

}  // namespace headrace::io
