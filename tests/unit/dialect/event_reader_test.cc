// Goal: an event is an object, the end marker, nothing, or unreadable; no memory is taken for the
// next one. Method: one event of each sort, then many.
#include "dialect/event_reader.h"

#include <doctest/doctest.h>

namespace headrace::dialect {
namespace {

using Found = EventReader::Found;

TEST_CASE("events are sorted by their data") {
  io::BlockPool pool;
  EventReader reader(pool);
  CHECK(reader.read(": comment\n\n") == Found::nothing);
  CHECK(reader.read("data:\n\n") == Found::nothing);
  CHECK(reader.read("event: x\n\n") == Found::nothing);
  CHECK(reader.read("data: [DONE]\n\n") == Found::end_marker);
  CHECK(reader.read("data:[DONE] \r\n\r\n") == Found::end_marker);
  CHECK(reader.read("data: [1]\n\n") == Found::unreadable);
  CHECK(reader.read("data: {\"a\":\n\n") == Found::unreadable);
  REQUIRE(reader.read("data: {\"a\":\ndata: [1]}\n\n") == Found::object);
  CHECK(reader.root().member("a").raw() == "[1]");
}

TEST_CASE("reading on takes no more memory") {
  io::BlockPool pool;
  EventReader reader(pool);
  REQUIRE(reader.read("data: {\"a\":1}\n\n") == Found::object);
  const std::size_t blocks = pool.blocks_out();
  for (int i = 0; i < 100; ++i) CHECK(reader.read("data: {\"b\":[1,2]}\n\n") == Found::object);
  CHECK(pool.blocks_out() == blocks);
}

}  // namespace
}  // namespace headrace::dialect
