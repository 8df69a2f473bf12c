// Goal: sockets from a service manager are taken only when they are meant for us and usable.
// Method: real listeners, moved to a run of descriptors far above those in use.
#include "server/sd_listen.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "net/listen.h"

namespace headrace::server {
namespace {

constexpr int kFirst = 200;
constexpr int kProcess = 4711;

// Puts a socket where the service manager would, and closes it at the end.
struct Passed {
  Passed(int source, int index) : fd(kFirst + index) {
    REQUIRE(source >= 0);
    REQUIRE(::dup2(source, fd) == fd);
    ::close(source);
  }
  Passed(const Passed&) = delete;
  Passed& operator=(const Passed&) = delete;
  ~Passed() { ::close(fd); }
  net::Address address() const { return net::bound_address(fd).value(); }
  int fd;
};

int listener(const char* address) {
  return net::listen_on(net::parse_address(address).value(), {}).value();
}

config::Environment announce(const std::string& count, const std::string& names = "") {
  return {
      {{"LISTEN_PID", std::to_string(kProcess)}, {"LISTEN_FDS", count}, {"LISTEN_FDNAMES", names}}};
}

TEST_CASE("passed sockets are taken with their names and addresses, and do not block or leak") {
  const Passed tcp(listener("127.0.0.1:0"), 0);
  const Passed unix_socket(listener("unix:@headrace-test-passed"), 1);
  ::fcntl(tcp.fd, F_SETFL, 0);
  PassedSockets passed = read_passed_sockets(announce("2", "http:admin"), kProcess, kFirst);
  CHECK(passed.fault == "");
  REQUIRE(passed.sockets.size() == 2);
  CHECK(passed.sockets[0].name == "http");
  CHECK(passed.sockets[1].name == "admin");
  CHECK(net::format(passed.sockets[1].address) == "unix:@headrace-test-passed");
  CHECK((::fcntl(tcp.fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(tcp.fd, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a socket is claimed once, by its address") {
  const Passed tcp(listener("127.0.0.1:0"), 0);
  PassedSockets passed = read_passed_sockets(announce("1"), kProcess, kFirst);
  REQUIRE(passed.sockets.size() == 1);
  CHECK(passed.claim(net::parse_address("127.0.0.1:1").value()) == -1);
  CHECK(passed.claim(tcp.address()) == tcp.fd);
  CHECK(passed.claim(tcp.address()) == -1);
}

TEST_CASE("variables that are absent, malformed or meant for another process are ignored") {
  const Passed tcp(listener("127.0.0.1:0"), 0);
  CHECK(read_passed_sockets({}, kProcess, kFirst).sockets.empty());
  CHECK(read_passed_sockets(announce("1"), kProcess + 1, kFirst).sockets.empty());
  CHECK(read_passed_sockets(announce("-1"), kProcess, kFirst).sockets.empty());
  CHECK(read_passed_sockets(announce("x"), kProcess, kFirst).sockets.empty());
  CHECK(read_passed_sockets(announce("0"), kProcess, kFirst).sockets.empty());
}

TEST_CASE("an unusable descriptor is a fault with its reason") {
  const auto fault = [](const std::string& count) {
    const PassedSockets passed = read_passed_sockets(announce(count, "web"), kProcess, kFirst);
    CHECK(passed.sockets.empty());
    return passed.fault;
  };
  CHECK(fault("1") == "LISTEN_FDS: descriptor 200 (web) is not open");
  CHECK(fault("65") == "LISTEN_FDS: more than 64 sockets were passed");
  {
    const Passed file(::open("/dev/null", O_RDONLY), 0);
    CHECK(fault("1").find("is no stream socket") != std::string::npos);
  }
  {
    const Passed datagram(::socket(AF_INET, SOCK_DGRAM, 0), 0);
    CHECK(fault("1").find("is no stream socket") != std::string::npos);
  }
  const Passed connected(::socket(AF_INET, SOCK_STREAM, 0), 0);
  CHECK(fault("1").find("does not listen") != std::string::npos);
}

TEST_CASE("the variables are gone after they were taken") {
  REQUIRE(::setenv("LISTEN_PID", "1", 1) == 0);
  REQUIRE(::setenv("LISTEN_FDS", "1", 1) == 0);
  REQUIRE(::setenv("LISTEN_FDNAMES", "x", 1) == 0);
  CHECK(take_passed_sockets().sockets.empty());
  CHECK(::getenv("LISTEN_PID") == nullptr);
  CHECK(::getenv("LISTEN_FDS") == nullptr);
  CHECK(::getenv("LISTEN_FDNAMES") == nullptr);
}

}  // namespace
}  // namespace headrace::server
