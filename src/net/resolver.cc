#include "net/resolver.h"

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/limits.h"
#include "net/address.h"

namespace headrace::net {
namespace {

using Addresses = std::vector<sockaddr_storage>;

// getaddrinfo has its own (negative) codes beside errno; both fit the one field because the signs
// differ.
base::Error failed(int gai_code) {
  const int code = gai_code == EAI_SYSTEM ? errno : gai_code;
  return base::upstream_error(base::Errc::resolve_failed, code);
}

void append(Addresses& addresses, const addrinfo& entry) {
  if (entry.ai_family != AF_INET && entry.ai_family != AF_INET6) return;
  if (addresses.size() == base::limits::kResolvedAddresses) return;
  sockaddr_storage storage{};
  std::memcpy(&storage, entry.ai_addr, std::min<std::size_t>(entry.ai_addrlen, sizeof(storage)));
  const Address address = from_storage(storage);
  for (const auto& known : addresses) {
    if (from_storage(known) == address) return;
  }
  addresses.push_back(storage);
}

}  // namespace

base::Result<Addresses> resolve(std::string_view host, std::uint16_t port) {
  if (host == "localhost") {
    // Both loopbacks, because many servers listen on one of them only.
    return Addresses{parse_literal("127.0.0.1", port)->storage,
                     parse_literal("::1", port)->storage};
  }
  if (const auto literal = parse_literal(host, port)) return Addresses{literal->storage};

  if (host.empty() || host.find('\0') != std::string_view::npos) return failed(EAI_NONAME);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string name(host);
  const int code = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) return failed(code);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Addresses addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    append(addresses, *entry);
  }
  if (addresses.empty()) return failed(EAI_NONAME);
  return addresses;
}

std::string explain_resolve_error(base::Error error) {
  switch (error.os_errno) {
    case EAI_NONAME:
      return "no such host";
    case EAI_AGAIN:
      return "the name servers do not answer";
    default:
      break;
  }
  return error.os_errno < 0 ? ::gai_strerror(error.os_errno) : std::strerror(error.os_errno);
}

}  // namespace headrace::net
