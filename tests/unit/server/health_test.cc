// Goal: the exit code tells whether the gateway is ready, soon, whatever answers. Method: a real
// admin listener, or a peer that behaves badly, on a thread of its own.
#include "server/health.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "admin_client.h"
#include "net/listen.h"
#include "server/admin.h"

using namespace headrace;
using server::health_probe;

namespace {

class Running {
 public:
  explicit Running(std::string readiness) {
    source_.readiness = std::move(readiness);
    REQUIRE(admin_.listen(*net::parse_address("127.0.0.1:0")).ok());
    thread_ = std::thread([this] {
      while (!stop_) admin_.step(5);
    });
  }
  ~Running() {
    stop_ = true;
    thread_.join();
  }
  std::string address() const { return net::format(admin_.address()); }

 private:
  server_test::FakeSource source_;
  server::Admin admin_{source_};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a ready gateway exits 0, one that drains exits 1") {
  CHECK(health_probe(Running("").address()) == 0);
  CHECK(health_probe(Running("draining").address()) == 1);
}

TEST_CASE("no gateway, and no address, exit 1") {
  CHECK(health_probe("unix:@headrace-nobody-listens-here") == 1);
  CHECK(health_probe("not an address") == 1);
}

TEST_CASE("a peer that talks nonsense, or without end, exits 1") {
  auto listener = net::listen_on(*net::parse_address("unix:@headrace-odd-peer"), {});
  REQUIRE(listener.ok());
  for (const std::size_t size : {std::size_t{10}, std::size_t{100'000}}) {
    std::thread peer([&] {
      pollfd ready{*listener, POLLIN, 0};
      if (::poll(&ready, 1, 5000) != 1) return;
      const int fd = ::accept(*listener, nullptr, nullptr);
      const std::string noise(size, 'x');
      const ssize_t sent = ::send(fd, noise.data(), noise.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      CHECK(sent > 0);
      ::close(fd);
    });
    CHECK(health_probe("unix:@headrace-odd-peer") == 1);
    peer.join();
  }
  ::close(*listener);
}
