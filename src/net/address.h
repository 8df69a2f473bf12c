// Where a socket is: an IPv4 or IPv6 address with a port, or a Unix socket. Values, copied freely;
// used by every thread. Text forms: "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (always
// 127.0.0.1), "unix:/path/to.sock", "unix:@abstract-name". Host names are resolver.h's business,
// sockets listen.h's.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace headrace::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Same family, address and port (or the same Unix name); padding does not count.
bool operator==(const Address& left, const Address& right);

// On refusal `reason` (when given) says what was expected; it is static text and quotes nothing.
base::Result<Address> parse_address(std::string_view text, std::string_view* reason = nullptr);

// An IP literal without brackets ("10.0.0.1", "fe80::1"), in the strict spellings of inet_pton
// only.
std::optional<Address> parse_literal(std::string_view host, std::uint16_t port);

// As found in a list of resolved addresses. REQUIRES: AF_INET or AF_INET6.
Address from_storage(const sockaddr_storage& storage);

std::string format(const Address& address);

// The port of an IP address; 0 for a Unix socket.
std::uint16_t port_of(const Address& address);

// A Unix socket that is a file: its path; empty for an abstract name and for IP.
std::string_view path_of(const Address& address);

inline bool is_unix(const Address& address) {
  return address.family() == AF_UNIX;
}

// Reachable from this host alone: 127/8, ::1, their IPv4-mapped form, and any Unix socket.
bool is_loopback(const Address& address);

// Not a place on the public internet: loopback, RFC 1918, link-local, carrier-grade NAT, unique
// local, the unspecified addresses (a connect to them reaches this host), and IPv4-mapped forms of
// all these.
bool is_private_range(const Address& address);

}  // namespace headrace::net
