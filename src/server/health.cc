#include "server/health.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>

#include "base/limits.h"
#include "net/address.h"

namespace headrace::server {

namespace {

constexpr std::string_view kRequest =
    "GET /readyz HTTP/1.1\r\nhost: headrace\r\nconnection: close\r\n\r\n";
constexpr std::size_t kAnswerBytes = 4096;  // what we send is far smaller

base::Nanos monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * base::kSecond + now.tv_nsec;
}

// One blocking conversation under one deadline. Every step says whether to go on.
class Probe {
 public:
  explicit Probe(base::Nanos deadline) : deadline_(deadline) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool connect(const net::Address& address) {
    fd_ = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    if (::connect(fd_, address.data(), address.size) == 0) return true;
    if (errno != EINPROGRESS || !wait(POLLOUT)) return false;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    return error == 0;
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size < 0 && (errno != EAGAIN || !wait(POLLOUT))) return false;
      if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  // Until the peer closes, or more than we would ever say has come.
  bool read_all(std::string& out) {
    std::array<char, 1024> buffer;
    while (out.size() < kAnswerBytes) {
      const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (size == 0) return true;
      if (size < 0 && (errno != EAGAIN || !wait(POLLIN))) return false;
      if (size > 0) out.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return true;
  }

 private:
  bool wait(short events) {
    const base::Nanos left = deadline_ - monotonic_now();
    pollfd fd{fd_, events, 0};
    const auto millis = static_cast<int>(std::max<base::Nanos>(left, 0) / base::kMillisecond);
    const int ready = ::poll(&fd, 1, millis);
    if (ready == 0) errno = ETIMEDOUT;
    return ready > 0;
  }

  base::Nanos deadline_;
  int fd_ = -1;
};

int failed(const std::string& address, std::string_view why) {
  std::fprintf(stderr,
               "headrace health: %s: %.*s\n",
               address.c_str(),
               static_cast<int>(why.size()),
               why.data());
  return 1;
}

// The first line of the answer's body: "draining".
std::string_view reason_in(std::string_view answer) {
  const std::size_t body = answer.find("\r\n\r\n");
  if (body == std::string_view::npos) return "not an answer of headrace";
  const std::string_view rest = answer.substr(body + 4);
  return rest.substr(0, rest.find('\n'));
}

}  // namespace

int health_probe(const std::string& admin_address) {
  std::string_view reason;
  const auto address = net::parse_address(admin_address, &reason);
  if (!address.ok()) return failed(admin_address, reason);
  Probe probe(monotonic_now() + base::limits::kHealthTimeout);
  std::string answer;
  if (!probe.connect(address.value()) || !probe.send(kRequest) || !probe.read_all(answer)) {
    return failed(admin_address, std::strerror(errno));
  }
  if (answer.starts_with("HTTP/1.1 200 ")) return 0;
  return failed(admin_address, reason_in(answer));
}

}  // namespace headrace::server
