// Goal: a listener has the socket options that the data path relies on, and a Unix socket's file is
// replaced only when it is dead. Method: real sockets on loopback and in a directory of the test's
// own.
#include "net/listen.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

namespace headrace::net {
namespace {

struct Descriptor {
  explicit Descriptor(int value) : fd(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int fd;
};

struct Directory {
  Directory() { REQUIRE(::mkdtemp(path) != nullptr); }
  ~Directory() {
    ::unlink((std::string(path) + "/s").c_str());
    ::rmdir(path);
  }
  Address socket() const { return parse_address("unix:" + std::string(path) + "/s").value(); }
  char path[32] = "/tmp/headrace-net-XXXXXX";
};

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

int listen_or_fail(const Address& address, const ListenOptions& options = {}) {
  const auto socket = listen_on(address, options);
  REQUIRE_MESSAGE(socket.ok(), explain_listen_error(address, socket.error()));
  return socket.value();
}

TEST_CASE("a TCP listener does not block, is not inherited, and its connections have no Nagle") {
  const Descriptor listener(listen_or_fail(parse_address("127.0.0.1:0").value()));
  CHECK((::fcntl(listener.fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(listener.fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(option(listener.fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
  CHECK(option(listener.fd, SOL_SOCKET, SO_REUSEPORT) == 1);

  const Address address = bound_address(listener.fd).value();
  CHECK(port_of(address) != 0);
  const Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.fd, address.data(), address.size) == 0);
  pollfd ready{listener.fd, POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 1000) == 1);
  const Descriptor accepted(::accept(listener.fd, nullptr, nullptr));
  REQUIRE(accepted.fd >= 0);
  CHECK(option(accepted.fd, IPPROTO_TCP, TCP_NODELAY) == 1);
}

TEST_CASE("two workers listen on one port, and a listener without reuse_port keeps others out") {
  const Descriptor first(listen_or_fail(parse_address("127.0.0.1:0").value()));
  const Address shared = bound_address(first.fd).value();
  const Descriptor second(listen_or_fail(shared));
  CHECK(bound_address(second.fd).value() == shared);

  const Descriptor alone(
      listen_or_fail(parse_address("127.0.0.1:0").value(), {.reuse_port = false}));
  const Address taken = bound_address(alone.fd).value();
  const auto refused = listen_on(taken, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().os_errno == EADDRINUSE);
  CHECK(explain_listen_error(taken, refused.error()).find("address in use") != std::string::npos);
}

TEST_CASE("a unix socket has the mode it was given before it listens") {
  const Directory directory;
  const Descriptor listener(listen_or_fail(directory.socket(), {.mode = 0600}));
  struct stat info{};
  REQUIRE(::stat(std::string(path_of(directory.socket())).c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE(
    "a unix socket takes a group by number, and an unknown name is an error that leaves no file") {
  const Directory directory;
  const std::string own_group = std::to_string(::getgid());
  {
    const Descriptor listener(listen_or_fail(directory.socket(), {.group = own_group}));
  }
  const auto refused = listen_on(directory.socket(), {.group = "no-such-group-anywhere"});
  REQUIRE_FALSE(refused.ok());
  CHECK(explain_listen_error(directory.socket(), refused.error()).find("group does not exist") !=
        std::string::npos);
  CHECK(::access(std::string(path_of(directory.socket())).c_str(), F_OK) != 0);
}

TEST_CASE("the socket file of a dead process is replaced, that of a living one is not") {
  const Directory directory;
  Descriptor dead(listen_or_fail(directory.socket()));
  CHECK(listen_on(directory.socket(), {}).error().os_errno == EADDRINUSE);
  dead.close();
  const Descriptor alive(listen_or_fail(directory.socket()));
  CHECK(alive.fd >= 0);
}

TEST_CASE("a file that is no socket is never removed") {
  const Directory directory;
  const std::string path(path_of(directory.socket()));
  std::ofstream(path) << "precious";
  CHECK(listen_on(directory.socket(), {}).error().os_errno == ENOTSOCK);
  CHECK(try_bind(directory.socket()).error().os_errno == ENOTSOCK);
  CHECK(::access(path.c_str(), F_OK) == 0);
}

TEST_CASE("trying to bind takes nothing and leaves nothing behind") {
  const Directory directory;
  CHECK(try_bind(directory.socket()).ok());
  CHECK(::access(std::string(path_of(directory.socket())).c_str(), F_OK) != 0);
  CHECK(try_bind(parse_address("127.0.0.1:0").value()).ok());
  CHECK(try_bind(parse_address("192.0.2.1:80").value()).error().os_errno == EADDRNOTAVAIL);
}

TEST_CASE("an abstract unix socket needs no file") {
  const std::string name = "unix:@headrace-test-" + std::to_string(::getpid());
  const Address address = parse_address(name).value();
  const Descriptor listener(listen_or_fail(address));
  CHECK(bound_address(listener.fd).value() == address);
}

}  // namespace
}  // namespace headrace::net
