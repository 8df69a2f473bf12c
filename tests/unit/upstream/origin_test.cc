// Goal: what an origin learns survives a new list of addresses and a new configuration, and nothing
// else does. Method: an origin alone.
#include "upstream/origin.h"

#include <doctest/doctest.h>

#include "../sim/sim_net.h"

namespace headrace::test {
namespace {

upstream::Endpoint at(unsigned host) {
  upstream::Endpoint endpoint;
  endpoint.address = sim::SimNet::address(host, 443);
  endpoint.size = sizeof(sockaddr_in);
  return endpoint;
}

}  // namespace

TEST_CASE("an address that is still there keeps what is known of it") {
  upstream::Origin origin("o");
  origin.set_endpoints({at(2), at(3)});
  origin.note_endpoint(1, true);
  origin.note_endpoint(7, true);  // of a list that was longer
  origin.set_endpoints({at(3), at(2), at(4)});
  CHECK(origin.endpoints()[0].failed);
  CHECK_FALSE(origin.endpoints()[1].failed);
  CHECK_FALSE(origin.endpoints()[2].failed);
  origin.note_endpoint(0, false);
  CHECK_FALSE(origin.endpoints()[0].failed);
}

TEST_CASE("a protocol that a server chose stays known while the choice is left to it") {
  using upstream::Protocol;
  upstream::Origin origin("o");
  CHECK(origin.protocol() == Protocol::http1);
  CHECK_FALSE(origin.negotiates());
  origin.set_protocol(Protocol::either);
  CHECK(origin.negotiates());
  CHECK(origin.protocol() == Protocol::h2);
  origin.learn_protocol(Protocol::http1);
  origin.set_protocol(Protocol::either);
  CHECK(origin.protocol() == Protocol::http1);
  origin.set_protocol(Protocol::h2);
  CHECK_FALSE(origin.negotiates());
  CHECK(origin.protocol() == Protocol::h2);
}

TEST_CASE("families alternate, and who failed before comes last") {
  upstream::Origin origin("o");
  upstream::Endpoint v6;
  v6.address.ss_family = AF_INET6;
  v6.size = sizeof(sockaddr_in6);
  origin.set_endpoints({at(2), at(3), v6, at(4)});
  CHECK(origin.pick_endpoint(0, 0, 0) == 0);
  CHECK(origin.pick_endpoint(1, 0, 0) == 1);
  CHECK(origin.pick_endpoint(0, 1, AF_INET) == 2);
  CHECK(origin.pick_endpoint(0, 5, AF_INET6) == 1);
  CHECK_FALSE(origin.pick_endpoint(0, 15, AF_INET).has_value());
  origin.note_endpoint(2, true);
  CHECK(origin.pick_endpoint(0, 1, AF_INET) == 1);
  CHECK(origin.pick_endpoint(0, 11, AF_INET) == 2);
}

TEST_CASE("dials take turns") {
  upstream::Origin origin("o");
  CHECK(origin.next_turn() == 0);
  CHECK(origin.next_turn() == 1);
}

}  // namespace headrace::test
