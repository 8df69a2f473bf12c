// By way of which forward proxy a provider is reached: the one that its `proxy` names, else the one
// of the variables that other programs go by (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in
// capitals or not; small letters win). The process is not started by a CGI server, so HTTP_PROXY is
// the operator's word. No text from here quotes a URL, which may hold credentials. Start-up and
// reload only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/secrets.h"
#include "config/snapshot.h"

namespace headrace::config {

// `http://[user:password@]host[:port]`, the scheme may be missing. Returns what is wrong, or
// nothing.
std::string read_proxy(std::string_view url, Proxy& proxy);

// Whether NO_PROXY's list names the host: `*`, a name and what lies below it, with a dot before it
// or not, an address, a network such as 10.0.0.0/8, each with a port or without.
bool is_exempt(std::string_view no_proxy, std::string_view host, std::uint16_t port);

// Decides for a provider that is read but for that. What is on this host is reached directly unless
// its own `proxy` says otherwise. Returns what is wrong, or nothing.
std::string choose_egress(const Environment& environment, Provider& provider);

}  // namespace headrace::config
