#include "io/buffer_ring.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>

namespace headrace::io {

BufferRing::~BufferRing() {
  HEADRACE_ASSERT(shared_ == nullptr);
}

int BufferRing::attach(io_uring& ring, std::uint16_t group) {
  HEADRACE_ASSERT(shared_ == nullptr);
  const std::size_t entries = std::bit_ceil(cap_);
  shared_bytes_ = entries * sizeof(io_uring_buf);
  void* memory =
      ::mmap(nullptr, shared_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  registration.ring_entries = static_cast<std::uint32_t>(entries);
  registration.bgid = group;
  const int result = io_uring_register_buf_ring(&ring, &registration, 0);
  if (result < 0) {
    ::munmap(memory, shared_bytes_);
    return -result;
  }
  shared_ = static_cast<io_uring_buf_ring*>(memory);
  ring_ = &ring;
  group_ = group;
  mask_ = static_cast<std::uint16_t>(entries - 1);
  start();
  publish();
  return 0;
}

void BufferRing::detach() {
  if (shared_ == nullptr) return;
  // Refused when another thread was the ring's own; the ring's end then lets go of the memory.
  (void)io_uring_unregister_buf_ring(ring_, group_);
  ::munmap(shared_, shared_bytes_);
  shared_ = nullptr;
  ring_ = nullptr;
}

void BufferRing::on_free(Buffer& free_buffer) {
  if (shared_ == nullptr) return;
  // Field by field: the shared tail lies in the reserved bytes of the first entry.
  io_uring_buf& entry = reinterpret_cast<io_uring_buf*>(shared_)[tail_ & mask_];
  entry.addr = reinterpret_cast<std::uintptr_t>(landing(free_buffer));
  entry.len = static_cast<std::uint32_t>(buffer_bytes());
  entry.bid = free_buffer.id;
  ++tail_;
}

}  // namespace headrace::io
