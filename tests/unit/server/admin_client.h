// A blocking-free client for tests of the admin listener: it speaks raw bytes and lets the caller
// drive the server.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "net/address.h"
#include "server/admin.h"

namespace headrace::server_test {

struct FakeSource final : server::AdminSource {
  std::string not_live() override { return life; }
  std::string not_ready() override { return readiness; }
  std::string metrics(bool openmetrics) override { return openmetrics ? "open\n# EOF\n" : page; }

  std::string life;
  std::string readiness;
  std::string page = "plain 1\n";
};

class AdminClient {
 public:
  explicit AdminClient(const net::Address& address) {
    fd_ = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd_ >= 0);
    REQUIRE(::connect(fd_, address.data(), address.size) == 0);
    REQUIRE(::fcntl(fd_, F_SETFL, O_NONBLOCK) == 0);
  }
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;
  ~AdminClient() { close(); }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // How many bytes the kernel took.
  std::size_t send(std::string_view bytes) {
    const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }

  // What has come so far; ended() tells whether more can.
  const std::string& received() {
    std::array<char, 65536> buffer;
    ssize_t size = 0;
    while ((size = ::recv(fd_, buffer.data(), buffer.size(), 0)) > 0) {
      text_.append(buffer.data(), static_cast<std::size_t>(size));
    }
    ended_ = size == 0;
    reset_ = size < 0 && errno == ECONNRESET;
    return text_;
  }
  bool ended() const { return ended_; }
  bool reset() const { return reset_; }

  // Turns the server until it has ended the answer.
  const std::string& finish(server::Admin& admin) {
    for (int i = 0; i < 1000 && !ended_ && !reset_; ++i) {
      admin.step(1);
      received();
    }
    REQUIRE(ended_);
    return text_;
  }

 private:
  int fd_ = -1;
  std::string text_;
  bool ended_ = false;
  bool reset_ = false;
};

}  // namespace headrace::server_test
