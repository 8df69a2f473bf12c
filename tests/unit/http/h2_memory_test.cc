// Goal: memory once taken serves again without the heap, is counted per session, and has an end.
#include "http/h2_memory.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

namespace headrace {
namespace {

using http::H2Account;
using http::H2Memory;

}  // namespace

TEST_CASE("a piece has room for what was asked, wastes at most a quarter, and sizes grow") {
  std::size_t last = 0;
  for (std::size_t bytes = 1; bytes <= 2 * H2Memory::kLargest; bytes += 1 + bytes / 100) {
    const std::size_t size = H2Memory::rounded(bytes);
    CAPTURE(bytes);
    CHECK(size >= bytes);
    CHECK(size >= last);
    CHECK((bytes < H2Memory::kSmallest || size * 4 <= bytes * 5 + 4));
    CHECK((size % alignof(std::max_align_t) == 0 || bytes > H2Memory::kLargest));
    CHECK(H2Memory::rounded(size) == size);
    last = size;
  }
}

TEST_CASE("what was given back serves again without the heap") {
  H2Memory memory;
  const auto use = [&] {
    std::vector<std::pair<void*, std::size_t>> pieces;
    for (std::size_t bytes = 1; bytes <= H2Memory::kLargest; bytes = bytes * 5 / 4 + 1) {
      pieces.emplace_back(memory.take(bytes), bytes);
      REQUIRE(pieces.back().first != nullptr);
      std::memset(pieces.back().first, 0xab, bytes);
    }
    for (const auto& [piece, bytes] : pieces) memory.put(piece, bytes);
  };
  use();
  const std::uint64_t calls = memory.heap_calls();
  CHECK(calls > 0);
  use();
  CHECK(memory.heap_calls() == calls);
  CHECK(memory.bytes_out() == 0);
  // Larger ones come and go.
  void* large = memory.take(H2Memory::kLargest + 1);
  memory.put(large, H2Memory::kLargest + 1);
  CHECK(memory.heap_calls() == calls + 1);
}

TEST_CASE("an account counts what its session holds and says no above its bound") {
  H2Memory memory;
  H2Account account(memory, 4096);
  H2Account other(memory, 4096);
  nghttp2_mem& functions = *account.functions();
  void* a = functions.malloc(1000, functions.mem_user_data);
  REQUIRE(a != nullptr);
  CHECK(account.bytes() == H2Memory::rounded(1000 + 16));
  std::memset(a, 7, 1000);
  a = functions.realloc(a, 2000, functions.mem_user_data);
  REQUIRE(a != nullptr);
  CHECK(static_cast<char*>(a)[999] == 7);
  CHECK(functions.malloc(3000, functions.mem_user_data) == nullptr);
  CHECK(functions.malloc(SIZE_MAX - 8, functions.mem_user_data) == nullptr);
  CHECK(functions.calloc(SIZE_MAX / 2, 3, functions.mem_user_data) == nullptr);
  CHECK(functions.realloc(a, 5000, functions.mem_user_data) == nullptr);  // and `a` is still there
  auto* zeros = static_cast<char*>(functions.calloc(10, 10, functions.mem_user_data));
  REQUIRE(zeros != nullptr);
  for (int i = 0; i < 100; ++i) CHECK(zeros[i] == 0);
  CHECK(other.bytes() == 0);
  functions.free(zeros, functions.mem_user_data);
  functions.free(a, functions.mem_user_data);
  functions.free(nullptr, functions.mem_user_data);
  CHECK(account.bytes() == 0);
  CHECK(account.most_bytes() > 2000);
}

}  // namespace headrace
