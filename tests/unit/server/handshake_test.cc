// Goal: what a connection costs is told apart from what it is, and who does not shake hands costs
// no more than its time. Method: real sockets on loopback; handshakes that come about are in the
// end-to-end tests (warm.py).
#include "server/handshake.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "certificates.h"
#include "net/listen.h"
#include "net/tls_client.h"

namespace headrace::server {
namespace {

struct Place {
  Place() : fd(net::listen_on(net::parse_address("127.0.0.1:0").value(), {}).value()) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { ::close(fd); }
  net::Address address() const { return net::bound_address(fd).value(); }
  int fd;
};

}  // namespace

TEST_CASE("a plain connection has a time and no handshake") {
  const Place place;
  net::TlsSessions tickets;
  const Handshake made = time_handshake(place.address(), nullptr, tickets);
  CHECK(made.fault.empty());
  CHECK(made.connecting > 0);
  CHECK(made.shaking == 0);
  CHECK(made.protocol.empty());
}

TEST_CASE("nobody there is a fault by name") {
  net::Address address;
  {
    const Place place;
    address = place.address();
  }
  net::TlsSessions tickets;
  CHECK(time_handshake(address, nullptr, tickets).fault == "Connection refused");
}

TEST_CASE("who hangs up, or speaks something else, does not shake hands") {
  headrace_test::CertificateHouse house;
  std::string fault;
  const auto trust = net::TlsTrust::load(house.authority_file(), fault);
  REQUIRE(trust != nullptr);
  const auto tls = net::TlsClient::make({.host = "localhost"}, trust, fault);
  REQUIRE(tls != nullptr);
  for (const std::string_view said : {"", "HTTP/1.1 400 Bad Request\r\n\r\n"}) {
    const Place place;
    std::thread peer([&] {
      const int fd = ::accept(place.fd, nullptr, nullptr);
      char hello[4096];
      static_cast<void>(::recv(fd, hello, sizeof hello, 0));
      static_cast<void>(::send(fd, said.data(), said.size(), MSG_NOSIGNAL));
      ::close(fd);
    });
    net::TlsSessions tickets;
    const Handshake made = time_handshake(place.address(), tls.get(), tickets);
    peer.join();
    CHECK_FALSE(made.fault.empty());
    CHECK(made.shaking == 0);
  }
}

}  // namespace headrace::server
