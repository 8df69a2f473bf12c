// Goal: the counter misses no way to allocate; a gate that counts nothing would pass everything.
// Method: each form once, each must be seen. Plain main: a test framework would allocate on its
// own.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace {

const char* file = nullptr;
int faults = 0;

// Reads through a descriptor of its own and without allocating, as the bench does from outside.
unsigned long long allocations() {
  unsigned long long count = 0;
  static const int descriptor = ::open(file, O_RDONLY | O_CLOEXEC);
  if (::pread(descriptor, &count, sizeof count, 0) != sizeof count) std::abort();
  return count;
}

// `action` allocates and returns what to free; `release` frees it.
template <typename Action, typename Release>
void expect_seen(const char* what, Action action, Release release) {
  const auto before = allocations();
  void* volatile kept = action();
  const auto seen = allocations() - before;
  release(kept);
  if (seen == 0) {
    std::printf("not seen: %s\n", what);
    ++faults;
  }
}

void free_it(void* memory) {
  std::free(memory);
}

}  // namespace

int main() {
  file = std::getenv("HEADRACE_ALLOC_COUNT_FILE");
  if (file == nullptr) return 2;
  allocations();
  const auto before = allocations();
  if (allocations() != before) {
    std::puts("reading the count counts");
    ++faults;
  }
  expect_seen("malloc", [] { return std::malloc(10); }, free_it);
  expect_seen("calloc", [] { return std::calloc(10, 10); }, free_it);
  expect_seen("realloc", [] { return std::realloc(nullptr, 10); }, free_it);
  expect_seen("aligned_alloc", [] { return std::aligned_alloc(64, 64); }, free_it);
  expect_seen(
      "posix_memalign",
      [] {
        void* memory = nullptr;
        return posix_memalign(&memory, 64, 64) == 0 ? memory : nullptr;
      },
      free_it);
  expect_seen("strdup", [] { return static_cast<void*>(strdup("inside the C library")); }, free_it);
  expect_seen(
      "operator new", [] { return ::operator new(10); }, [](void* it) { ::operator delete(it); });
  expect_seen(
      "operator new[]",
      [] { return ::operator new[](10); },
      [](void* it) { ::operator delete[](it); });
  constexpr std::align_val_t kAlignment{64};
  expect_seen(
      "aligned new",
      [&] { return ::operator new(64, kAlignment); },
      [&](void* it) { ::operator delete(it, kAlignment); });
  expect_seen(
      "std::string",
      [] { return static_cast<void*>(new std::string(100, 'x')); },
      [](void* it) { delete static_cast<std::string*>(it); });
  return faults == 0 ? 0 : 1;
}
