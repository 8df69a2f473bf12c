// Goal: what a worker rehearses is a record that was really sealed and really opened, however often
// (what that gains is told by `./dev bench tls`).
#include "net/tls_rehearsal.h"

#include <doctest/doctest.h>

namespace headrace::net::test {

TEST_CASE("each rehearsal opens a record") {
  TlsRehearsal rehearsal;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    rehearsal.rehearse();
    REQUIRE(rehearsal.records_opened() == i);
  }
}

}  // namespace headrace::net::test
