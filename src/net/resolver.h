// Host names to addresses. Blocking: used by the control thread (and by tools) only, never by a
// worker. IP literals and "localhost" never reach the system's resolver. At most kResolvedAddresses
// are kept, in the order of RFC 6724 as getaddrinfo gives them, without repeats. Nothing is cached
// here.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headrace::net {

// An empty list is never returned: no address is the error resolve_failed.
base::Result<std::vector<sockaddr_storage>> resolve(std::string_view host, std::uint16_t port);

// "no such host", "the name servers do not answer": the reason of a resolve_failed, for people.
std::string explain_resolve_error(base::Error error);

}  // namespace headrace::net
