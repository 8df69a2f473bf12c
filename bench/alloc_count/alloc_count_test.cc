// Goal: the counter misses no way to allocate; a gate that counts nothing would pass everything.
// Method: each form once, each must be seen. Plain main: a test framework would allocate on its
// own.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace {

const char* file = nullptr;
int faults = 0;

// Reads through a descriptor of its own and without allocating, as the bench does from outside.
unsigned long long allocations() {
  unsigned long long count = 0;
  static char buffer[64];
  static std::FILE* stream = std::fopen(file, "r");
  std::setvbuf(stream, buffer, _IONBF, sizeof buffer);
  std::rewind(stream);
  if (std::fread(&count, sizeof count, 1, stream) != 1) std::abort();
  return count;
}

template <typename Action>
void expect_seen(const char* what, Action action) {
  const auto before = allocations();
  void* volatile kept = action();
  const auto seen = allocations() - before;
  std::free(kept);
  if (seen == 0) {
    std::printf("not seen: %s\n", what);
    ++faults;
  }
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
  expect_seen("malloc", [] { return std::malloc(10); });
  expect_seen("calloc", [] { return std::calloc(10, 10); });
  expect_seen("realloc", [] { return std::realloc(nullptr, 10); });
  expect_seen("aligned_alloc", [] { return std::aligned_alloc(64, 64); });
  expect_seen("posix_memalign", [] {
    void* memory = nullptr;
    return posix_memalign(&memory, 64, 64) == 0 ? memory : nullptr;
  });
  expect_seen("strdup", [] { return static_cast<void*>(strdup("inside the C library")); });
  expect_seen("operator new", [] { return ::operator new(10); });
  expect_seen("operator new[]", [] { return static_cast<void*>(new char[10]); });
  expect_seen("aligned new", [] { return ::operator new(64, std::align_val_t{64}); });
  expect_seen("std::string", [] {
    const std::string text(100, 'x');
    return static_cast<void*>(nullptr);
  });
  return faults == 0 ? 0 : 1;
}
