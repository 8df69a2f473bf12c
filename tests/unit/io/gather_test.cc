// Goal: a text that arrives in pieces reads as one, and one that comes whole is not copied.
#include "io/gather.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::io {

TEST_CASE("what comes whole is read where it lies") {
  BlockPool blocks;
  Gather gather;
  const std::string head = "all of it";
  const Slice slice = Slice::borrowed(head);
  CHECK(gather.join(slice, blocks).data() == head.data());
  CHECK(gather.before() == 0);
  CHECK(gather.empty());
  CHECK(blocks.blocks_out() == 0);
}

TEST_CASE("what comes in pieces is one text, and says where the newest piece begins") {
  BlockPool blocks;
  Gather gather;
  std::string sofar;
  for (const std::string_view piece : {"one", "two", "three"}) {
    const Slice slice = Slice::borrowed(piece);
    const std::string_view text = gather.join(slice, blocks);
    CHECK(gather.before() == sofar.size());
    sofar += piece;
    CHECK(text == sofar);
    gather.keep(slice, blocks);
    CHECK(gather.size() == sofar.size());
  }
  gather.reset();
  CHECK(gather.empty());
  CHECK(gather.before() == 0);
  CHECK(blocks.blocks_out() == 0);
}

TEST_CASE("a text that comes byte by byte is not copied over and over") {
  BlockPool blocks;
  Gather gather;
  std::string sofar;
  const char* place = nullptr;
  int moves = 0;
  for (int i = 0; i < 30'000; ++i) {
    const char c = static_cast<char>('a' + i % 26);
    sofar += c;
    const Slice slice = Slice::borrowed({&c, 1});
    const std::string_view text = gather.join(slice, blocks);
    gather.keep(slice, blocks);
    if (i > 0 && text.data() != place) {
      ++moves;
      place = text.data();
    }
  }
  CHECK(gather.join(Slice::borrowed("!"), blocks) == sofar + "!");
  CHECK(moves < 12);
  gather.reset();
}

}  // namespace headrace::io
