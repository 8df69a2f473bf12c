#include "server/admin.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/limits.h"
#include "net/listen.h"

namespace headrace::server {

namespace {

namespace limits = base::limits;

constexpr base::Nanos kAcceptPause = 100 * base::kMillisecond;

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

base::Nanos monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * base::kSecond + now.tv_nsec;
}

}  // namespace

base::Status Admin::listen(const net::Address& address) {
  HEADRACE_ASSERT(listener_ < 0);
  auto listener = net::listen_on(address, {.backlog = 128, .reuse_port = false});
  if (!listener.ok()) return listener.error();
  listener_ = *listener;
  auto bound = net::bound_address(listener_);
  if (!bound.ok()) {
    close();
    return bound.error();
  }
  address_ = *bound;
  return {};
}

void Admin::close() {
  for (Connection& connection : connections_) ::close(connection.fd);
  connections_.clear();
  if (listener_ < 0) return;
  ::close(std::exchange(listener_, -1));
  const std::string path(net::path_of(address_));
  if (!path.empty()) ::unlink(path.c_str());
}

void Admin::add_fds(std::vector<pollfd>& fds, base::Nanos now) const {
  if (listener_ >= 0 && now >= accept_again_at_) fds.push_back({listener_, POLLIN, 0});
  for (const Connection& connection : connections_) {
    const short events = connection.state == State::writing ? POLLOUT : POLLIN;
    fds.push_back({connection.fd, events, 0});
  }
}

int Admin::timeout_ms(base::Nanos now) const {
  base::Nanos next = base::kNever;
  if (listener_ >= 0 && now < accept_again_at_) next = accept_again_at_;
  for (const Connection& connection : connections_) next = std::min(next, connection.deadline);
  if (next == base::kNever) return -1;
  const base::Nanos wait = std::max<base::Nanos>(next - now, 0);
  return static_cast<int>((wait + base::kMillisecond - 1) / base::kMillisecond);
}

void Admin::on_ready(std::span<const pollfd> fds, base::Nanos now) {
  bool accept_due = false;
  for (const pollfd& ready : fds) {
    if (ready.revents == 0) continue;
    if (ready.fd == listener_) accept_due = true;
    const auto found = std::find_if(connections_.begin(),
                                    connections_.end(),
                                    [&](const Connection& c) { return c.fd == ready.fd; });
    if (found != connections_.end()) on_connection(*found, ready.revents, now);
  }
  for (Connection& connection : connections_) {
    if (connection.state != State::closed && now >= connection.deadline)
      on_deadline(connection, now);
  }
  // Descriptors are closed only now, so that no number in `fds` was reused while it was read.
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (it->state == State::closed) ::close(it->fd);
    it = it->state == State::closed ? connections_.erase(it) : std::next(it);
  }
  if (accept_due) accept_all(now);
}

void Admin::step(int timeout_ms) {
  const base::Nanos before = monotonic_now();
  std::vector<pollfd> fds;
  add_fds(fds, before);
  const int due = this->timeout_ms(before);
  if (due >= 0 && (timeout_ms < 0 || due < timeout_ms)) timeout_ms = due;
  if (::poll(fds.data(), fds.size(), timeout_ms) < 0) fds.clear();
  on_ready(fds, monotonic_now());
}

// The accept loop: until the queue is empty, but no more than fit at once, so that others get their
// turn.
void Admin::accept_all(base::Nanos now) {
  for (std::size_t i = 0; i < limits::kAdminConnections; ++i) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // Out of descriptors the listener stays readable: polling it would spin.
      if (!would_block(errno) && errno != ECONNABORTED) accept_again_at_ = now + kAcceptPause;
      return;
    }
    if (connections_.size() == limits::kAdminConnections) make_room();
    Connection& connection = connections_.emplace_back();
    connection.fd = fd;
    connection.deadline = now + limits::kAdminTimeout;
    connection.parser.reset();
    // Most requests are there already.
    on_connection(connection, POLLIN, now);
    if (connection.state == State::closed) {
      ::close(connection.fd);
      connections_.pop_back();
    }
  }
}

void Admin::make_room() {
  const auto stalest = std::min_element(
      connections_.begin(), connections_.end(), [](const Connection& a, const Connection& b) {
        return a.deadline < b.deadline;
      });
  ::close(stalest->fd);
  connections_.erase(stalest);
}

void Admin::on_connection(Connection& connection, short events, base::Nanos now) {
  switch (connection.state) {
    case State::reading:
      read_head(connection, now);
      break;
    case State::writing:
      if ((events & (POLLOUT | POLLERR | POLLHUP)) != 0) write_some(connection, now);
      break;
    case State::lingering:
      read_away(connection);
      break;
    case State::closed:
      break;
  }
}

void Admin::read_head(Connection& connection, base::Nanos now) {
  std::array<char, 4096> buffer;
  while (connection.state == State::reading) {
    const std::size_t room = limits::kAdminHeadBytes - connection.input.size();
    const ssize_t size = ::recv(connection.fd, buffer.data(), std::min(buffer.size(), room), 0);
    if (size < 0 && would_block(errno)) return;
    if (size <= 0) {
      connection.state = State::closed;
      return;
    }
    connection.input.append(buffer.data(), static_cast<std::size_t>(size));
    const http::Parse parsed = connection.parser.parse(connection.input);
    if (parsed == http::Parse::done) {
      answer(connection, admin_answer(connection.parser, connection.input, source_), now);
    } else if (parsed == http::Parse::failed) {
      answer(connection, admin_refusal(connection.parser.error()), now);
    } else if (connection.input.size() == limits::kAdminHeadBytes) {
      answer(connection, admin_refusal(base::Errc::head_too_large), now);
    }
  }
}

void Admin::answer(Connection& connection, std::string message, base::Nanos now) {
  connection.output = std::move(message);
  connection.state = State::writing;
  connection.deadline = now + limits::kAdminTimeout;
  write_some(connection, now);
}

void Admin::write_some(Connection& connection, base::Nanos now) {
  while (connection.sent < connection.output.size()) {
    const ssize_t size = ::send(connection.fd,
                                connection.output.data() + connection.sent,
                                connection.output.size() - connection.sent,
                                MSG_NOSIGNAL);
    if (size < 0 && would_block(errno)) return;
    if (size < 0) {
      connection.state = State::closed;
      return;
    }
    connection.sent += static_cast<std::size_t>(size);
    connection.deadline = now + limits::kAdminTimeout;
  }
  ::shutdown(connection.fd, SHUT_WR);
  connection.state = State::lingering;
  connection.deadline = now + limits::kAdminLinger;
  read_away(connection);
}

void Admin::read_away(Connection& connection) {
  std::array<char, 4096> buffer;
  // A flood is left to its next turn: the deadline ends it.
  for (int i = 0; i < 16; ++i) {
    const ssize_t size = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (size > 0) continue;
    if (size == 0 || !would_block(errno)) connection.state = State::closed;
    return;
  }
}

void Admin::on_deadline(Connection& connection, base::Nanos now) {
  if (connection.state == State::reading && connection.parser.started()) {
    answer(connection, admin_refusal(base::Errc::request_timeout), now);
  } else {
    connection.state = State::closed;
  }
}

}  // namespace headrace::server
