// Goal: request ids are RFC 9562 version 7: unique, sorted by time, and read back as what was put
// in.
#include "base/uuid.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace headrace::base {
namespace {

std::string text_of(const Uuid& uuid) {
  char room[kUuidTextBytes];
  REQUIRE(write_uuid(room, uuid) == room + sizeof room);
  return {room, sizeof room};
}

TEST_CASE("the text has five groups of lower-case hexadecimal digits") {
  const Uuid uuid = {0x01,
                     0x23,
                     0x45,
                     0x67,
                     0x89,
                     0xab,
                     0xcd,
                     0xef,
                     0xfe,
                     0xdc,
                     0xba,
                     0x98,
                     0x76,
                     0x54,
                     0x32,
                     0x10};
  CHECK(text_of(uuid) == "01234567-89ab-cdef-fedc-ba9876543210");
}

TEST_CASE("an id carries its milliseconds, the version and the variant") {
  Prng random(1);
  // The time of the example in RFC 9562, appendix A.6.
  const std::string text = text_of(make_uuid7(0x017f22e279b0, random));
  CHECK(text.substr(0, 14) == "017f22e2-79b0-");
  for (int i = 0; i < 100; ++i) {
    const std::string next = text_of(make_uuid7(static_cast<std::uint64_t>(i), random));
    CHECK(next[14] == '7');
    CHECK(std::string("89ab").find(next[19]) != std::string::npos);
  }
}

TEST_CASE("ids of one millisecond differ, ids of a later one sort behind") {
  Prng random(2);
  std::set<std::string> seen;
  std::string last;
  for (std::uint64_t ms = 1000; ms < 1100; ++ms) {
    std::string highest;
    for (int i = 0; i < 20; ++i) {
      const std::string text = text_of(make_uuid7(ms, random));
      CHECK(seen.insert(text).second);
      CHECK(text > last);
      if (text > highest) highest = text;
    }
    last = highest;
  }
}

}  // namespace
}  // namespace headrace::base
