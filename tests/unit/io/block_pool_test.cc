// Blocks have the room that was asked for, are used again, and are not hoarded.
#include "io/block_pool.h"

#include <doctest/doctest.h>

#include <initializer_list>

#include <cstring>
#include <string>
#include <vector>

namespace headrace::io {
namespace {

TEST_CASE("a block has at least the room that was asked for, at every size") {
  BlockPool blocks;
  for (const std::size_t size :
       {0u, 1u, 487u, 488u, 489u, 4096u, 65'535u, 65'536u, 1u << 20, 3u << 20}) {
    CAPTURE(size);
    Slice block = blocks.take(size);
    CHECK(block.empty());
    REQUIRE(block.buffer()->capacity >= size);
    CHECK(block.tailroom() == std::min<std::size_t>(block.buffer()->capacity, UINT16_MAX));
    std::memset(block.data(), 'x', size);
  }
  CHECK(blocks.blocks_out() == 0);
}

TEST_CASE("a block given back serves the next taker of its class") {
  BlockPool blocks;
  const char* first = nullptr;
  {
    Slice block = blocks.take(1000);
    first = block.data();
  }
  Slice again = blocks.take(900);
  CHECK(again.data() == first);
  Slice other = blocks.take(900);
  CHECK(other.data() != first);
  CHECK(blocks.blocks_out() == 2);
}

TEST_CASE("a copy holds the bytes and the room behind them") {
  BlockPool blocks;
  const std::string text(3000, 't');
  Slice copy = blocks.copy_of(text);
  CHECK(copy.view() == text);
  CHECK(copy.tailroom() == copy.buffer()->capacity - text.size());
  CHECK(copy.headroom() == 0);
  CHECK(blocks.copy_of("").empty());
  CHECK(blocks.copy_of({}).empty());  // of nothing, not even an address
}

TEST_CASE("a class keeps no more than its bound") {
  BlockPool blocks;
  std::vector<Slice> out;
  for (int i = 0; i < 8; ++i) out.push_back(blocks.take(900'000));
  CHECK(blocks.blocks_out() == 8);
  out.clear();
  CHECK(blocks.blocks_out() == 0);
  // Four of a MiB each were kept; all of them come back before a new one is made.
  for (int i = 0; i < 8; ++i) out.push_back(blocks.take(900'000));
  CHECK(blocks.blocks_out() == 8);
}

}  // namespace
}  // namespace headrace::io
