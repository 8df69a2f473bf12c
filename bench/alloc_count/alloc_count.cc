// Counts every allocation of a process: linked into headrace-counted, which is otherwise headrace.
// Calls go on to the C library; the counts live in the file that HEADRACE_ALLOC_COUNT_FILE names
// (64 bytes, mapped shared), so that the bench reads them from outside without waking or signalling
// anybody.
//
// Layout, native-endian u64: allocations (malloc, calloc, realloc, aligned forms, operator new),
// frees.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

// The C library's own entry points, whose names are not ours to choose.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace {

struct Counts {
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> frees{0};
};

constexpr std::size_t kFileBytes = 64;
static_assert(sizeof(Counts) <= kFileBytes);

// Constant-initialised: the first allocations come before any constructor.
constinit Counts before_the_file;
constinit std::atomic<Counts*> counts{&before_the_file};

void note_allocation() {
  counts.load()->allocations.fetch_add(1, std::memory_order_relaxed);
}
void note_free() {
  counts.load()->frees.fetch_add(1, std::memory_order_relaxed);
}

__attribute__((constructor)) void map_file() {
  const char* path = std::getenv("HEADRACE_ALLOC_COUNT_FILE");
  if (path == nullptr) return;
  const int fd = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (::ftruncate(fd, kFileBytes) != 0) return;
  void* memory = ::mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED) return;
  auto* mapped = new (memory) Counts;
  mapped->allocations.store(before_the_file.allocations.load());
  mapped->frees.store(before_the_file.frees.load());
  counts.store(mapped);
}

void* counted_aligned(std::size_t alignment, std::size_t size) {
  note_allocation();
  return __libc_memalign(alignment, size);
}

// What operator new owes its caller: memory, or bad_alloc.
void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the header's names are reserved
// ones.
extern "C" {

void* malloc(std::size_t size) noexcept {
  note_allocation();
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  note_allocation();
  return __libc_calloc(count, size);
}

void* realloc(void* memory, std::size_t size) noexcept {
  note_allocation();
  return __libc_realloc(memory, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return counted_aligned(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return counted_aligned(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  *memory = counted_aligned(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

void free(void* memory) noexcept {
  if (memory != nullptr) note_free();
  __libc_free(memory);
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)

// Defined here too, in case an allocator library brings operators of its own.
void* operator new(std::size_t size) {
  return or_throw(std::malloc(size));
}
void* operator new[](std::size_t size) {
  return or_throw(std::malloc(size));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return or_throw(counted_aligned(static_cast<std::size_t>(alignment), size));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return or_throw(counted_aligned(static_cast<std::size_t>(alignment), size));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
