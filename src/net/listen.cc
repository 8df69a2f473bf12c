#include "net/listen.h"

#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/bytes.h"
#include "base/limits.h"

namespace headrace::net {
namespace {

using base::Errc;
using base::Status;

constexpr base::Nanos kRetryPause = 5 * base::kMillisecond;

base::Error failed(int os_errno) {
  return base::gateway_error(Errc::io_failed, os_errno);
}

// A descriptor that is closed unless somebody takes it.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Status set_option(int fd, int level, int name, int value) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) return failed(errno);
  return {};
}

Status prepare(int fd, const Address& address, bool reuse_port) {
  if (is_unix(address)) return {};
  HEADRACE_TRY(set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1));
  if (reuse_port) HEADRACE_TRY(set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1));
  if (address.family() == AF_INET6) {
    // [::] takes IPv4 too, whatever net.ipv6.bindv6only says on this host.
    HEADRACE_TRY(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
  }
  return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

// Removes the file of a Unix socket that nobody answers on. Anything else that has the name stays
// and is an error: EADDRINUSE for a live socket, ENOTSOCK for a file that is none.
Status remove_stale(const Address& address) {
  const std::string path(path_of(address));
  if (path.empty()) return {};
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Status() : Status(failed(errno));
  if (!S_ISSOCK(info.st_mode)) return failed(ENOTSOCK);
  const Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.get() < 0) return failed(errno);
  if (::connect(probe.get(), address.data(), address.size) == 0) return failed(EADDRINUSE);
  if (errno == ENOENT) return {};
  if (errno != ECONNREFUSED) return failed(errno == EAGAIN ? EADDRINUSE : errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed(errno);
  return {};
}

base::Result<gid_t> find_group(std::string_view group) {
  if (const auto number = base::parse_decimal(group); number && *number < UINT32_MAX) {
    return static_cast<gid_t>(*number);
  }
  std::array<char, 16 * 1024> buffer{};
  struct ::group entry{};
  struct ::group* found = nullptr;
  const std::string name(group);
  const int code = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return failed(code == 0 ? ESRCH : code);
  return found->gr_gid;
}

// Between bind() and listen() a connect is refused, so that nobody slips in with the wrong rights.
Status set_owner(const Address& address, const ListenOptions& options) {
  const std::string path(path_of(address));
  if (path.empty()) return {};
  if (!options.group.empty()) {
    const auto group = find_group(options.group);
    if (!group) return group.error();
    if (::lchown(path.c_str(), static_cast<uid_t>(-1), group.value()) != 0) return failed(errno);
  }
  if (::chmod(path.c_str(), options.mode) != 0) return failed(errno);
  return {};
}

base::Result<int> bind_once(const Address& address, bool reuse_port) {
  Socket socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return failed(errno);
  HEADRACE_TRY(prepare(socket.get(), address, reuse_port));
  HEADRACE_TRY(remove_stale(address));
  if (::bind(socket.get(), address.data(), address.size) != 0) return failed(errno);
  return socket.release();
}

base::Result<int> listen_once(const Address& address, const ListenOptions& options) {
  const auto bound = bind_once(address, options.reuse_port);
  if (!bound) return bound.error();
  Socket socket(bound.value());
  Status status = set_owner(address, options);
  if (status.ok() && ::listen(socket.get(), options.backlog) != 0) status = failed(errno);
  if (!status.ok()) {
    if (const std::string path(path_of(address)); !path.empty()) ::unlink(path.c_str());
    return status.error();
  }
  return socket.release();
}

}  // namespace

base::Result<int> listen_on(const Address& address, const ListenOptions& options) {
  HEADRACE_ASSERT(address.size != 0);
  HEADRACE_ASSERT(options.backlog > 0);
  // A port stays taken for some 20 ms after its process was reaped (an io_uring is torn down
  // later), so a restart must not take the first EADDRINUSE for an answer.
  for (base::Nanos waited = 0;; waited += kRetryPause) {
    const auto socket = listen_once(address, options);
    if (socket || socket.error().os_errno != EADDRINUSE) return socket;
    if (waited >= base::limits::kBindRetry) return socket;
    const timespec pause{0, kRetryPause};
    ::nanosleep(&pause, nullptr);
  }
}

base::Status try_bind(const Address& address) {
  const std::string path(path_of(address));
  const auto socket = bind_once(address, true);
  if (!socket) return socket.error();
  ::close(socket.value());
  if (!path.empty()) ::unlink(path.c_str());
  return {};
}

base::Result<Address> bound_address(int socket) {
  Address address;
  address.size = sizeof(address.storage);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
    return failed(errno);
  }
  address.size = std::min(address.size, static_cast<socklen_t>(sizeof(address.storage)));
  return address;
}

std::string explain_listen_error(const Address& address, base::Error error) {
  const std::string where = format(address) + ": ";
  const bool unix_socket = is_unix(address);
  switch (error.os_errno) {
    case EADDRINUSE:
      return where + "address in use; another process listens there: stop it or choose another " +
             (unix_socket ? "name" : "port");
    case EACCES:
    case EPERM:
      if (unix_socket) return where + "permission denied; the directory must be writable for us";
      return where + "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
      return where + "no interface of this host has the address";
    case EAFNOSUPPORT:
      return where + "this host has no such address family (is IPv6 off?)";
    case ENOTSOCK:
      return where + "the path exists and is not a socket; it was left alone";
    case ENOENT:
      return where + "the directory does not exist";
    case ESRCH:
      return where + "the group does not exist on this host";
    case EROFS:
      return where + "the file system is read-only; use a writable directory or unix:@name";
    default:
      return where + std::strerror(error.os_errno);
  }
}

}  // namespace headrace::net
