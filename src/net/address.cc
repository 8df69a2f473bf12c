#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "base/bytes.h"

namespace headrace::net {
namespace {

using base::Errc;

constexpr std::string_view kShapes =
    "an address is host:port, [ipv6]:port, unix:/path or unix:@name, for example 127.0.0.1:8080";
constexpr std::string_view kNamesAreNotResolved =
    "the host must be an IP address or localhost; other names are not looked up here";

// Only this file looks inside the storage, by copying: no object of another type is ever aliased.
template <typename Sockaddr>
Sockaddr read_as(const Address& address) {
  Sockaddr result{};
  std::memcpy(&result, &address.storage, sizeof(result));
  return result;
}

template <typename Sockaddr>
Address wrap(const Sockaddr& sockaddr, std::size_t size = sizeof(Sockaddr)) {
  static_assert(sizeof(Sockaddr) <= sizeof(sockaddr_storage));
  Address address;
  std::memcpy(&address.storage, &sockaddr, sizeof(sockaddr));
  address.size = static_cast<socklen_t>(size);
  return address;
}

// inet_pton wants a terminated string, and would stop early at a NUL inside ours.
template <std::size_t N>
bool terminate(std::string_view text, std::array<char, N>& out) {
  if (text.empty() || text.size() >= N || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(out.data(), text.data(), text.size());
  out[text.size()] = '\0';
  return true;
}

base::Result<Address> refuse(std::string_view* reason, std::string_view why) {
  if (reason != nullptr) *reason = why;
  return base::gateway_error(Errc::config_invalid);
}

base::Result<Address> parse_unix(std::string_view name, std::string_view* reason) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.find('\0') != std::string_view::npos) {
    return refuse(reason, "a unix socket name has no NUL byte");
  }
  const bool abstract = name.starts_with('@');
  if (!abstract && !name.starts_with('/')) {
    return refuse(reason, "a unix socket is an absolute path (unix:/run/x.sock) or unix:@name");
  }
  if (name.size() < 2) return refuse(reason, "the unix socket has no name");
  if (name.size() >= sizeof(address.sun_path)) {
    return refuse(reason, "a unix socket name has at most 107 bytes");
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  std::size_t size = offsetof(sockaddr_un, sun_path) + name.size();
  if (abstract) {
    address.sun_path[0] = '\0';  // unix(7): the kernel's spelling of an abstract name
  } else {
    size += 1;  // a path is counted with its terminator
  }
  return wrap(address, size);
}

// The Unix name as it is written in configuration: a path, or "@name".
std::string unix_name(const Address& address) {
  const auto value = read_as<sockaddr_un>(address);
  const std::size_t offset = offsetof(sockaddr_un, sun_path);
  if (address.size <= offset) return {};
  const std::size_t size = address.size - offset;
  if (value.sun_path[0] != '\0') {
    return std::string(value.sun_path, strnlen(value.sun_path, size));
  }
  std::string name(value.sun_path, size);
  name[0] = '@';
  return name;
}

// The IPv4 address in host order, also when IPv6 carries it (::ffff:a.b.c.d).
std::optional<std::uint32_t> as_ipv4(const Address& address) {
  if (address.family() == AF_INET) return ntohl(read_as<sockaddr_in>(address).sin_addr.s_addr);
  if (address.family() != AF_INET6) return std::nullopt;
  const auto value = read_as<sockaddr_in6>(address);
  if (!IN6_IS_ADDR_V4MAPPED(&value.sin6_addr)) return std::nullopt;
  std::uint32_t last = 0;
  std::memcpy(&last, &value.sin6_addr.s6_addr[12], sizeof(last));
  return ntohl(last);
}

constexpr bool within(std::uint32_t ip, std::uint32_t network, int prefix) {
  return (ip >> (32 - prefix)) == (network >> (32 - prefix));
}

bool is_private_ipv4(std::uint32_t ip) {
  struct Range {
    std::uint32_t network;
    int prefix;
  };
  constexpr Range kRanges[] = {
      {0x00000000, 8},   // "this host"
      {0x0a000000, 8},   // 10/8, RFC 1918
      {0x64400000, 10},  // 100.64/10, RFC 6598
      {0x7f000000, 8},   // loopback
      {0xa9fe0000, 16},  // 169.254/16, link-local: cloud metadata lives here
      {0xac100000, 12},  // 172.16/12, RFC 1918
      {0xc0a80000, 16},  // 192.168/16, RFC 1918
  };
  for (const auto& range : kRanges) {
    if (within(ip, range.network, range.prefix)) return true;
  }
  return false;
}

}  // namespace

bool operator==(const Address& left, const Address& right) {
  if (left.family() != right.family()) return false;
  switch (left.family()) {
    case AF_INET: {
      const auto a = read_as<sockaddr_in>(left);
      const auto b = read_as<sockaddr_in>(right);
      return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
    }
    case AF_INET6: {
      const auto a = read_as<sockaddr_in6>(left);
      const auto b = read_as<sockaddr_in6>(right);
      return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
             std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr)) == 0;
    }
    case AF_UNIX:
      return unix_name(left) == unix_name(right);
    default:
      return left.size == right.size;  // both empty
  }
}

std::optional<Address> parse_literal(std::string_view host, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN + 1> text{};
  if (!terminate(host, text)) return std::nullopt;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.data(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return wrap(v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text.data(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return wrap(v6);
  }
  return std::nullopt;
}

base::Result<Address> parse_address(std::string_view text, std::string_view* reason) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) return parse_unix(text.substr(kUnix.size()), reason);

  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse(reason, kShapes);
  const auto port = base::parse_decimal(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.empty() || !port) return refuse(reason, kShapes);
  if (*port > 65535) return refuse(reason, "a port is at most 65535");

  const bool bracketed = host.starts_with('[');
  if (bracketed != host.ends_with(']')) return refuse(reason, kShapes);
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (has_colon != bracketed) {
    return refuse(reason, "an IPv6 address stands in brackets, nothing else does: [::1]:8080");
  }
  if (host == "localhost") host = "127.0.0.1";
  const auto address = parse_literal(host, static_cast<std::uint16_t>(*port));
  if (!address) return refuse(reason, kNamesAreNotResolved);
  return *address;
}

Address from_storage(const sockaddr_storage& storage) {
  Address address;
  address.storage = storage;
  HEADRACE_ASSERT(storage.ss_family == AF_INET || storage.ss_family == AF_INET6);
  address.size = storage.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return address;
}

std::string format(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (address.family()) {
    case AF_INET: {
      const auto value = read_as<sockaddr_in>(address);
      inet_ntop(AF_INET, &value.sin_addr, text.data(), text.size());
      return std::string(text.data()) + ":" + std::to_string(port_of(address));
    }
    case AF_INET6: {
      const auto value = read_as<sockaddr_in6>(address);
      inet_ntop(AF_INET6, &value.sin6_addr, text.data(), text.size());
      return "[" + std::string(text.data()) + "]:" + std::to_string(port_of(address));
    }
    case AF_UNIX:
      return "unix:" + unix_name(address);
    default:
      return "none";
  }
}

std::uint16_t port_of(const Address& address) {
  if (address.family() == AF_INET) return ntohs(read_as<sockaddr_in>(address).sin_port);
  if (address.family() == AF_INET6) return ntohs(read_as<sockaddr_in6>(address).sin6_port);
  return 0;
}

std::string_view path_of(const Address& address) {
  if (!is_unix(address)) return {};
  const auto* bytes = reinterpret_cast<const char*>(&address.storage);
  const std::size_t offset = offsetof(sockaddr_un, sun_path);
  if (address.size <= offset || bytes[offset] == '\0') return {};
  return {bytes + offset, strnlen(bytes + offset, address.size - offset)};
}

bool is_loopback(const Address& address) {
  if (is_unix(address)) return true;
  if (const auto ip = as_ipv4(address)) return within(*ip, 0x7f000000, 8);
  if (address.family() != AF_INET6) return false;
  const auto value = read_as<sockaddr_in6>(address);
  return IN6_IS_ADDR_LOOPBACK(&value.sin6_addr);
}

bool is_private_range(const Address& address) {
  if (is_unix(address)) return true;
  if (const auto ip = as_ipv4(address)) return is_private_ipv4(*ip);
  if (address.family() != AF_INET6) return false;
  const auto value = read_as<sockaddr_in6>(address);
  const bool unique_local = (value.sin6_addr.s6_addr[0] & 0xfe) == 0xfc;  // fc00::/7
  return unique_local || IN6_IS_ADDR_LINKLOCAL(&value.sin6_addr) ||
         IN6_IS_ADDR_LOOPBACK(&value.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&value.sin6_addr);
}

}  // namespace headrace::net
