// Opens listening sockets, at start and at reload; never on a worker's data path (it may wait up to
// kBindRetry for a predecessor's socket to go away). The sockets are non-blocking and
// close-on-exec, and carry TCP_NODELAY, which accepted connections inherit. A Unix socket's file is
// replaced only when nobody answers behind it, and gets its group and mode before anyone can
// connect.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace headrace::net {

struct ListenOptions {
  int backlog = 4096;         // the kernel cuts it to net.core.somaxconn
  std::uint32_t mode = 0660;  // of a Unix socket's file
  std::string_view group{};   // of a Unix socket's file, by name or number; empty: unchanged
  bool reuse_port = true;     // TCP: one listener a worker on the same port
};

// The caller owns the descriptor, and removes a Unix socket's file when it is done with it.
base::Result<int> listen_on(const Address& address, const ListenOptions& options);

// Whether listen_on() would succeed, without ever listening: connections are not taken from
// anybody.
base::Status try_bind(const Address& address);

// The address a socket is bound to, with the port the kernel chose when 0 was asked for.
base::Result<Address> bound_address(int socket);

// "127.0.0.1:80: permission denied; ports below 1024 need CAP_NET_BIND_SERVICE": what went wrong
// and what to do, for people.
std::string explain_listen_error(const Address& address, base::Error error);

}  // namespace headrace::net
