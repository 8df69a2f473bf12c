// Goal: an authority is a host and perhaps a port, nothing else.
#include "http/authority.h"

#include <doctest/doctest.h>

namespace headrace {

TEST_CASE("hosts and ports are authorities, credentials and paths are not") {
  for (const base::Bytes good :
       {"h", "h:80", "h:", "127.0.0.1:65535", "[::1]", "[::1]:8080", "a%41b", "a_b.c"}) {
    CAPTURE(good);
    CHECK(http::is_authority(good));
  }
  for (const base::Bytes bad : {"",
                                ":80",
                                "u@h",
                                "h:65536",
                                "h:x",
                                "h/p",
                                "[::1",
                                "[]",
                                "[::g]",
                                "[::1]x",
                                "a%4",
                                "a b",
                                "h:1:2"}) {
    CAPTURE(bad);
    CHECK_FALSE(http::is_authority(bad));
  }
}

TEST_CASE("hosts are compared without case") {
  CHECK(http::equal_without_case("Example.COM", "example.com"));
  CHECK_FALSE(http::equal_without_case("example.com", "example.co"));
  CHECK_FALSE(http::equal_without_case("a", "b"));
}

}  // namespace headrace
