// RingMemory: zeroed, page-aligned memory for one ring, from the kernel: a file on tmpfs
// (ring_file.h), or one of its own. That is a memfd, so that /proc/<pid>/fd lets an outside program
// map the ring of a running gateway read-only; where memfd_create is forbidden, plain anonymous
// memory. Made at start-up, by the thread that composes
// the workers. Pages are touched as they are used.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "base/result.h"

namespace headrace::telemetry {

class RingMemory {
 public:
  RingMemory() = default;
  RingMemory(RingMemory&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), bytes_(std::exchange(other.bytes_, {})) {}
  RingMemory& operator=(RingMemory&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~RingMemory() {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
    if (fd_ >= 0) ::close(fd_);
  }

  static base::Result<RingMemory> create(std::size_t size) {
    RingMemory memory;
    memory.fd_ = ::memfd_create("headrace-ring", MFD_CLOEXEC);
    if (memory.fd_ >= 0 && ::ftruncate(memory.fd_, static_cast<off_t>(size)) != 0) {
      return base::Error{base::Errc::io_failed, base::Blame::gateway, base::Retry::never, errno};
    }
    return mapped(std::move(memory), size);
  }

  // The first `size` bytes of a file, which is this object's from now on.
  static base::Result<RingMemory> map(int fd, std::size_t size) {
    RingMemory memory;
    memory.fd_ = fd;
    return mapped(std::move(memory), size);
  }

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  static base::Result<RingMemory> mapped(RingMemory memory, std::size_t size) {
    const int flags = MAP_SHARED | (memory.fd_ < 0 ? MAP_ANONYMOUS : 0);
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, memory.fd_, 0);
    if (at == MAP_FAILED)
      return base::Error{base::Errc::io_failed, base::Blame::gateway, base::Retry::never, errno};
    memory.bytes_ = {static_cast<std::byte*>(at), size};
    return memory;
  }

  int fd_ = -1;
  std::span<std::byte> bytes_;
};

}  // namespace headrace::telemetry
