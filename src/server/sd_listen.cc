#include "server/sd_listen.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/listen.h"

namespace headrace::server {
namespace {

std::optional<std::uint64_t> number(const config::Environment& environment, std::string_view name) {
  const std::string* text = environment.find(name);
  return text == nullptr ? std::nullopt : base::parse_decimal(*text);
}

// The index-th of the names, which stand with colons between them.
std::string name_at(const config::Environment& environment, std::uint64_t index) {
  const std::string* names = environment.find("LISTEN_FDNAMES");
  if (names == nullptr) return {};
  std::string_view rest = *names;
  for (; index > 0; --index) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
  return std::string(rest.substr(0, rest.find(':')));
}

bool has_option(int fd, int option, int wanted) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

// Returns what makes the descriptor unusable, or nothing.
std::string adopt(PassedSocket& socket) {
  const int status = ::fcntl(socket.fd, F_GETFL);
  if (status < 0) return "is not open";
  if (!has_option(socket.fd, SO_TYPE, SOCK_STREAM)) return "is no stream socket (ListenStream=)";
  if (!has_option(socket.fd, SO_ACCEPTCONN, 1)) return "does not listen (the unit needs Accept=no)";
  const auto address = net::bound_address(socket.fd);
  if (!address) return "has no address";
  socket.address = address.value();
  ::fcntl(socket.fd, F_SETFL, status | O_NONBLOCK);
  ::fcntl(socket.fd, F_SETFD, FD_CLOEXEC);
  if (!net::is_unix(socket.address)) {
    const int on = 1;
    ::setsockopt(socket.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  return {};
}

}  // namespace

int PassedSockets::claim(const net::Address& address) {
  for (auto it = sockets.begin(); it != sockets.end(); ++it) {
    if (!(it->address == address)) continue;
    const int fd = it->fd;
    sockets.erase(it);
    return fd;
  }
  return -1;
}

PassedSockets read_passed_sockets(const config::Environment& environment, int process, int first) {
  PassedSockets passed;
  const auto meant_for = number(environment, "LISTEN_PID");
  const auto count = number(environment, "LISTEN_FDS");
  if (!meant_for || !count || *meant_for != static_cast<std::uint64_t>(process)) return passed;
  if (*count > base::limits::kPassedSockets) {
    passed.fault = "LISTEN_FDS: more than " + std::to_string(base::limits::kPassedSockets) +
                   " sockets were passed";
    return passed;
  }
  for (std::uint64_t i = 0; i < *count; ++i) {
    PassedSocket socket{first + static_cast<int>(i), name_at(environment, i), {}};
    const std::string fault = adopt(socket);
    if (!fault.empty()) {
      passed.fault = "LISTEN_FDS: descriptor " + std::to_string(socket.fd) +
                     (socket.name.empty() ? "" : " (" + socket.name + ")") + " " + fault;
      return passed;
    }
    passed.sockets.push_back(std::move(socket));
  }
  return passed;
}

PassedSockets take_passed_sockets() {
  PassedSockets passed = read_passed_sockets(config::process_environment(), ::getpid());
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return passed;
}

}  // namespace headrace::server
