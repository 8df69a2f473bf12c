// What the tests of the io_uring backend share: an Io with its pools, an owner that writes down
// what it is told, and plain blocking descriptors as peers. The kernel is the real one, the network
// is loopback.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/uring_io.h"

namespace headrace::io::test {

inline UringOptions blocked() {
  UringOptions options;
  options.busy = BusyMode::off;
  return options;
}

struct Rig {
  BufferRing clients;
  BufferRing upstreams;
  std::unique_ptr<UringIo> io;

  explicit Rig(const UringOptions& options = blocked(), ReceivePoolOptions pool = {4096, 32, 1024})
      : clients(pool), upstreams(pool) {
    auto made = UringIo::create(clients, upstreams, options);
    REQUIRE(made.ok());
    io = std::move(made.value());
  }

  // Turns until `done`, at most `turns` of them: a test that waits in vain fails, it does not hang.
  template <typename Done>
  bool until(Done done, int turns = 400) {
    for (int i = 0; i < turns; ++i) {
      if (done()) return true;
      io->run_once(10 * base::kMillisecond);
    }
    return done();
  }
  // Turns until `done`, for 20 seconds at most: where the kernel's own timers decide how many it
  // takes.
  template <typename Done>
  bool in_time(Done done) {
    const base::Nanos end = io->clock() + 20 * base::kSecond;
    while (!done() && io->clock() < end) io->run_once(base::kMillisecond);
    return done();
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) io->run_once(0);
  }
};

struct Party : SocketOwner {
  explicit Party(Rig& test_rig) : rig(test_rig), socket(*this) {}
  virtual ~Party() {
    held.clear();
    if (socket.is_closed()) return;
    rig.io->close(socket, CloseHow::abort);
    rig.until([&] { return closed == 1; });
  }

  void on_connected(base::Status status) override {
    ++connected;
    connect_error = status.error();
    story += status.ok() ? "connected " : "refused ";
  }
  void on_data(Slice slice) override {
    received.append(slice.view());
    story += "data ";
    if (echo) {
      rig.io->send(socket, std::move(slice));
    } else if (hold) {
      held.push_back(std::move(slice));
    }
  }
  void on_eof() override {
    ++eofs;
    story += "eof ";
  }
  void on_error(base::Error e) override {
    ++errors;
    error = e;
    story += "error ";
  }
  void on_sent() override {
    ++sents;
    story += "sent ";
    if (close_when_sent && socket.queued_bytes() == 0) rig.io->close(socket, CloseHow::orderly);
  }
  void on_closed() override {
    ++closed;
    story += "closed ";
  }

  Rig& rig;
  Socket socket;
  std::string received;
  std::string story;
  std::vector<Slice> held;
  bool echo = false;
  bool hold = false;
  bool close_when_sent = false;
  int connected = 0;
  int eofs = 0;
  int errors = 0;
  int sents = 0;
  int closed = 0;
  base::Error connect_error{};
  base::Error error{};
};

// A descriptor that closes itself.
struct Fd {
  int value = -1;
  Fd() = default;
  explicit Fd(int fd) : value(fd) {}
  Fd(Fd&& other) noexcept : value(std::exchange(other.value, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(value, other.value);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (value >= 0) ::close(value);
    value = -1;
  }
  int release() { return std::exchange(value, -1); }
};

inline sockaddr_storage loopback(std::uint16_t port) {
  sockaddr_storage storage{};
  auto* address = reinterpret_cast<sockaddr_in*>(&storage);
  address->sin_family = AF_INET;
  address->sin_port = htons(port);
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return storage;
}

inline Fd listening() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_storage address = loopback(0);
  REQUIRE(::bind(fd.value, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in)) == 0);
  REQUIRE(::listen(fd.value, 512) == 0);
  return fd;
}

inline std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

inline Fd dial(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_storage address = loopback(port);
  REQUIRE(::connect(fd.value, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in)) ==
          0);
  return fd;
}

// Both ends of a TCP connection: ours, theirs.
inline std::pair<int, Fd> tcp_pair() {
  Fd listener = listening();
  Fd theirs = dial(port_of(listener.value));
  const int ours = ::accept4(listener.value, nullptr, nullptr, SOCK_CLOEXEC);
  REQUIRE(ours >= 0);
  return {ours, std::move(theirs)};
}

inline std::pair<int, Fd> unix_pair() {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  return {fds[0], Fd(fds[1])};
}

inline void write_all(const Fd& fd, std::string_view bytes) {
  REQUIRE(::send(fd.value, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

// What lies there now. `end`: 1 at the end of the stream, -errno when it is broken.
inline std::string read_now(const Fd& fd, int* end = nullptr, std::size_t most = 1u << 20) {
  std::string bytes(most, '\0');
  std::size_t size = 0;
  while (size < most) {
    const ssize_t count = ::recv(fd.value, bytes.data() + size, most - size, MSG_DONTWAIT);
    if (count <= 0) {
      if (end != nullptr && count == 0) *end = 1;
      if (end != nullptr && count < 0 && errno != EAGAIN) *end = -errno;
      break;
    }
    size += static_cast<std::size_t>(count);
  }
  bytes.resize(size);
  return bytes;
}

inline bool readable(const Fd& fd, int milliseconds = 0) {
  pollfd entry{fd.value, POLLIN, 0};
  return ::poll(&entry, 1, milliseconds) == 1;
}

// Exactly `size` bytes, or what came of them in time. Loopback need not deliver at once.
inline std::string read_exactly(const Fd& fd, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size && readable(fd, 5000)) {
    const std::string more = read_now(fd, nullptr, size - bytes.size());
    if (more.empty()) break;
    bytes += more;
  }
  return bytes;
}

// What comes until the stream ends, and how it ends (see read_now).
inline std::string read_to_end(const Fd& fd, int& end) {
  std::string bytes;
  end = 0;
  while (end == 0 && readable(fd, 5000)) bytes += read_now(fd, &end);
  return bytes;
}

// Bytes that show any loss, repetition or disorder.
inline std::string pattern(std::size_t size, std::size_t offset = 0) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t place = offset + i;
    bytes[i] = static_cast<char>((place * 2654435761u + (place >> 12)) >> 8);
  }
  return bytes;
}

}  // namespace headrace::io::test
