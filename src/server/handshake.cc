#include "server/handshake.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/limits.h"
#include "io/block_pool.h"
#include "net/tls_client.h"
#include "net/tls_engine.h"
#include "upstream/tunnel.h"

namespace headrace::server {
namespace {

using net::TlsEngine;

constexpr base::Nanos kTicketWait = 100 * base::kMillisecond;  // it comes behind the handshake

base::Nanos now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * base::kSecond + time.tv_nsec;
}

class Wire {
 public:
  explicit Wire(int family)
      : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() {
    if (fd_ >= 0) ::close(fd_);
  }

  // 0, or an errno.
  int connect(const net::Address& address, base::Nanos deadline) const {
    if (fd_ < 0) return errno;
    if (::connect(fd_, address.data(), address.size) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (!wait(POLLOUT, deadline)) return ETIMEDOUT;
    int code = 0;
    socklen_t size = sizeof(code);
    return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
  }

  bool send(std::string_view bytes, base::Nanos deadline) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      const bool full = sent < 0 && errno == EAGAIN;
      if (!full || !wait(POLLOUT, deadline)) return false;
    }
    return true;
  }

  // 0: the end, an error, or the deadline.
  std::size_t receive(char* to, std::size_t room, base::Nanos deadline) const {
    while (wait(POLLIN, deadline)) {
      const ssize_t got = ::recv(fd_, to, room, 0);
      if (got > 0) return static_cast<std::size_t>(got);
      if (got == 0 || errno != EAGAIN) return 0;
    }
    return 0;
  }

 private:
  bool wait(short events, base::Nanos deadline) const {
    const base::Nanos left = deadline - now();
    if (left <= 0) return false;
    pollfd ready{fd_, events, 0};
    return ::poll(&ready, 1, static_cast<int>(left / base::kMillisecond) + 1) > 0;
  }

  const int fd_;
};

bool flush(const Wire& wire, TlsEngine& engine, base::Nanos deadline) {
  while (!engine.output().empty()) {
    if (!wire.send(engine.output().pop().view(), deadline)) return false;
  }
  return true;
}

bool feed(const Wire& wire, TlsEngine& engine, io::BlockPool& blocks, base::Nanos deadline) {
  char bytes[16 * 1024];
  const std::size_t got = wire.receive(bytes, sizeof bytes, deadline);
  if (got != 0) engine.feed(blocks.copy_of({bytes, got}));
  return got != 0;
}

// Reads on until a ticket has come, or will not.
void wait_ticket(const Wire& wire,
                 TlsEngine& engine,
                 io::BlockPool& blocks,
                 const net::TlsSessions& tickets) {
  const base::Nanos deadline = now() + kTicketWait;
  while (tickets.count() == 0) {
    io::Slice ignored;
    const TlsEngine::Outcome outcome = engine.read(ignored);
    if (outcome == TlsEngine::Outcome::done) continue;
    if (outcome != TlsEngine::Outcome::more || tickets.count() != 0) return;
    if (!feed(wire, engine, blocks, deadline)) return;
  }
}

// Returns what went wrong, or nothing.
std::string ask_through(const Wire& wire,
                        const std::shared_ptr<const upstream::Egress>& egress,
                        base::Nanos deadline) {
  io::BlockPool blocks;
  upstream::Tunnel tunnel(egress);
  bool there = wire.send(tunnel.request(), deadline);
  while (there && tunnel.state() == upstream::Tunnel::State::waiting) {
    char bytes[4096];
    const std::size_t got = wire.receive(bytes, sizeof bytes, deadline);
    there = got != 0;
    if (there) tunnel.feed(blocks.copy_of({bytes, got}), blocks);
  }
  if (tunnel.state() == upstream::Tunnel::State::open) return {};
  if (tunnel.state() == upstream::Tunnel::State::waiting) {
    now() >= deadline ? tunnel.note_timeout() : tunnel.note_end();
  }
  return tunnel.failure_text();
}

}  // namespace

Handshake time_handshake(const net::Address& address,
                         const net::TlsClient* tls,
                         net::TlsSessions& tickets,
                         const std::shared_ptr<const upstream::Egress>& egress) {
  Handshake result;
  const base::Nanos begun = now();
  const Wire wire(address.family());
  if (const int code = wire.connect(address, begun + base::limits::kConnectTimeout); code != 0) {
    result.fault = std::strerror(code);
    return result;
  }
  base::Nanos connected = now();
  result.connecting = connected - begun;
  if (egress != nullptr && egress->tunnels()) {
    result.fault = ask_through(wire, egress, connected + base::limits::kConnectTimeout);
    if (!result.fault.empty()) return result;
    result.tunnelling = now() - connected;
    connected += result.tunnelling;
  }
  if (tls == nullptr) return result;

  io::BlockPool blocks;
  TlsEngine engine(blocks, *tls, &tickets);
  const base::Nanos deadline = connected + base::limits::kTlsHandshake;
  for (;;) {
    const TlsEngine::Outcome outcome = engine.shake_hands();
    const bool sent = flush(wire, engine, deadline);
    if (outcome == TlsEngine::Outcome::done) break;
    if (outcome != TlsEngine::Outcome::more) {
      result.fault =
          std::string(base::name_of(engine.failure())) + ": " + std::string(engine.failure_text());
      return result;
    }
    if (!sent || !feed(wire, engine, blocks, deadline)) {
      result.fault = "the connection ended, or was silent, in the middle of the TLS handshake";
      return result;
    }
  }
  result.shaking = now() - connected;
  result.version = engine.version();
  result.protocol = engine.protocol();
  result.resumed = engine.resumed();
  wait_ticket(wire, engine, blocks, tickets);
  engine.end();
  flush(wire, engine, now() + base::kSecond);
  return result;
}

}  // namespace headrace::server
