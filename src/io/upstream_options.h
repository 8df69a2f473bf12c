// What a connection that we make is told to do by itself: send at once, and find out that its peer
// is gone without a word. An idle one is probed by the kernel, which wakes nobody; bytes that
// nobody acknowledges end it. The rest is up to whoever uses it.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/limits.h"

namespace headrace::io {

// Best effort: one that cannot be set leaves a connection that works.
inline void set_upstream_options(int fd, int family) {
  if (family != AF_INET && family != AF_INET6) return;
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, base::limits::kTcpKeepIdle);
  set(IPPROTO_TCP, TCP_KEEPINTVL, base::limits::kTcpKeepInterval);
  set(IPPROTO_TCP, TCP_KEEPCNT, base::limits::kTcpKeepCount);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, base::limits::kTcpUserTimeout);
}

}  // namespace headrace::io
