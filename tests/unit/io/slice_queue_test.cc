// The queue keeps order and counts bytes, inside the object and on the heap.
#include "io/slice_queue.h"

#include <doctest/doctest.h>

#include <string>

#include "io/block_pool.h"

namespace headrace::io {
namespace {

std::string all_of(SliceQueue& queue) {
  std::string text;
  for (std::size_t i = 0; i < queue.count(); ++i) text += queue[i].view();
  return text;
}

TEST_CASE("slices leave in the order in which they came, however many") {
  SliceQueue queue;
  std::string expected;
  std::size_t popped = 0;
  std::size_t pushed = 0;
  // Pushing three and popping one moves the head through every place while the queue grows.
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 3; ++i) {
      static const std::string letters = "abcdefghijklmnopqrstuvwxyz";
      queue.push(Slice::borrowed(std::string_view(letters).substr(pushed % 26, 1)));
      expected += letters[pushed++ % 26];
    }
    CHECK(queue.pop().view() == expected.substr(popped++, 1));
  }
  CHECK(queue.count() == 400);
  CHECK(queue.bytes() == 400);
  CHECK(all_of(queue) == expected.substr(popped));
}

TEST_CASE("an empty slice is not queued") {
  SliceQueue queue;
  queue.push(Slice());
  CHECK(queue.empty());
}

TEST_CASE("slices that touch are joined unless the first is spoken for") {
  BlockPool blocks;
  SliceQueue queue;
  Slice rest = blocks.copy_of("onetwothree");
  queue.push(rest.split_front(3));
  queue.push(rest.split_front(3));
  CHECK(queue.count() == 1);
  queue.push(std::move(rest), false);
  CHECK(queue.count() == 2);
  CHECK(all_of(queue) == "onetwothree");
  CHECK(queue.bytes() == 11);
}

TEST_CASE("what was sent is dropped from the front, across slices and inside one") {
  BlockPool blocks;
  SliceQueue queue;
  queue.push(Slice::borrowed("abc"));
  queue.push(blocks.copy_of("defg"));
  queue.push(Slice::borrowed("hi"));
  queue.consume(0);
  CHECK(queue.bytes() == 9);
  queue.consume(5);
  CHECK(all_of(queue) == "fghi");
  CHECK(queue.bytes() == 4);
  CHECK(blocks.blocks_out() == 1);
  queue.consume(2);
  CHECK(blocks.blocks_out() == 0);
  queue.consume(2);
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
}

TEST_CASE("bytes may be written behind the last slice") {
  BlockPool blocks;
  SliceQueue queue;
  queue.push(blocks.copy_of("ab"));
  queue.back().data()[2] = 'c';
  queue.extend_back(1);
  CHECK(all_of(queue) == "abc");
  CHECK(queue.bytes() == 3);
}

TEST_CASE("what is put back comes out first") {
  SliceQueue queue;
  queue.push(Slice::borrowed("b"));
  queue.push_front(Slice::borrowed("a"));
  CHECK(all_of(queue) == "ab");
  CHECK(queue.bytes() == 2);
}

TEST_CASE("clearing ends every lease") {
  BlockPool blocks;
  SliceQueue queue;
  for (int i = 0; i < 20; ++i) queue.push(blocks.copy_of("x"));
  CHECK(blocks.blocks_out() == 20);
  queue.clear();
  CHECK(blocks.blocks_out() == 0);
  CHECK(queue.bytes() == 0);
}

}  // namespace
}  // namespace headrace::io
