// A provider's base URL, split into what a connection and a request head need. Strict on purpose: a
// URL that two programs could read in two ways is refused (user names, queries, fragments, dot
// segments, hosts that look like numbers). Nothing is looked up here. Start-up and reload only.
#pragma once

#include <string>
#include <string_view>

#include "config/snapshot.h"

namespace headrace::config {

// Fills scheme, host, port, authority and base_path of `provider`. Returns what is wrong, or
// nothing. The words never quote the URL, which may hold credentials by mistake.
std::string split_base_url(std::string_view url, Provider& provider);

// The host is this one, by address or as "localhost".
bool is_loopback_host(std::string_view host);

}  // namespace headrace::config
