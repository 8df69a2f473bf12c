// Counts every allocation of a process: linked into headrace-counted, which is otherwise headrace.
// Calls go on to the C library; the counts live in the file that HEADRACE_ALLOC_COUNT_FILE names
// (64 bytes, mapped shared), so that the bench reads them from outside without waking or signalling
// anybody.
//
// Layout, native-endian u64: allocations (malloc, calloc, realloc, aligned forms, operator new),
// frees, bytes that are allocated now (as the C library rounded them), and allocations that
// BoringSSL asked for, which are not among the first. Who asks is told by the address that a call
// returns to.
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <string_view>

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
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> tls_allocations{0};
};

constexpr std::size_t kFileBytes = 64;
static_assert(sizeof(Counts) <= kFileBytes);

// Constant-initialised: the first allocations come before any constructor.
constinit Counts before_the_file;
constinit std::atomic<Counts*> counts{&before_the_file};

// Where BoringSSL's two libraries lie; nowhere before the constructor below has looked.
struct Range {
  std::uintptr_t first = 0;
  std::uintptr_t size = 0;
};
constinit std::array<Range, 2> tls_code;

int find_tls_code(dl_phdr_info* object, std::size_t, void*) {
  const std::string_view name = object->dlpi_name;
  for (std::size_t i = 0; i < tls_code.size(); ++i) {
    if (name.find(i == 0 ? "/libssl.so" : "/libcrypto.so") == std::string_view::npos) continue;
    for (const ElfW(Phdr) & part : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
      if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
      tls_code[i] = {object->dlpi_addr + part.p_vaddr, part.p_memsz};
    }
  }
  return 0;
}

bool is_tls(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  return address - tls_code[0].first < tls_code[0].size ||
         address - tls_code[1].first < tls_code[1].size;
}

void* noted(void* memory, const void* caller = nullptr) {
  Counts& now = *counts.load();
  auto& allocations = is_tls(caller) ? now.tls_allocations : now.allocations;
  allocations.fetch_add(1, std::memory_order_relaxed);
  now.bytes.fetch_add(malloc_usable_size(memory), std::memory_order_relaxed);
  return memory;
}
void note_no_bytes(void* memory) {
  counts.load()->bytes.fetch_sub(malloc_usable_size(memory), std::memory_order_relaxed);
}
void note_free(void* memory) {
  counts.load()->frees.fetch_add(1, std::memory_order_relaxed);
  note_no_bytes(memory);
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
  mapped->bytes.store(before_the_file.bytes.load());
  dl_iterate_phdr(find_tls_code, nullptr);
  counts.store(mapped);
}

void* counted_aligned(std::size_t alignment, std::size_t size) {
  return noted(__libc_memalign(alignment, size));
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
  return noted(__libc_malloc(size), __builtin_return_address(0));
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  return noted(__libc_calloc(count, size), __builtin_return_address(0));
}

void* realloc(void* memory, std::size_t size) noexcept {
  if (memory != nullptr) note_no_bytes(memory);
  return noted(__libc_realloc(memory, size), __builtin_return_address(0));
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
  if (memory != nullptr) note_free(memory);
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
