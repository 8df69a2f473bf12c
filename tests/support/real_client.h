// A blocking client on a real socket, for the few tests that need threads and the kernel. Every
// wait is bounded.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "net/address.h"

namespace headrace::test {

// Looks again every millisecond until `done`, for some seconds.
template <class Done>
bool soon(const Done& done) {
  for (int i = 0; i < 5000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return done();
}

class RealClient {
 public:
  explicit RealClient(const net::Address& address)
      : fd_(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(fd_ >= 0);
    const timeval patience{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::connect(fd_, address.data(), address.size) == 0;
  }
  RealClient(const RealClient&) = delete;
  RealClient& operator=(const RealClient&) = delete;
  ~RealClient() { ::close(fd_); }

  bool connected() const { return connected_; }
  void send(std::string_view bytes) {
    CHECK(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
  }
  // Reads until the text holds `what`; false when the connection ended or fell silent before.
  bool hears(std::string_view what) {
    while (heard.find(what) == std::string::npos) {
      if (!read()) return false;
    }
    return true;
  }
  // True when the other side ended the connection.
  bool hears_end() {
    while (read()) {
    }
    return ended_;
  }

  std::string heard;

 private:
  bool read() {
    std::array<char, 4096> buffer;
    // A receive with a timeout is not restarted by the kernel: the end of a probing ring, which
    // this thread may have made, interrupts it.
    ssize_t size = 0;
    do {
      size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    } while (size < 0 && errno == EINTR);
    ended_ = size == 0;
    if (size > 0) heard.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
};

}  // namespace headrace::test
