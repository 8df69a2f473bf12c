// The terms of TLS of every place to listen, from the files that the configuration names. Start-up
// and reload only; blocks. A file that cannot be used is a fault of the configuration, so that a
// reload keeps the certificates it has.
#pragma once

#include <string>
#include <vector>

#include "config/snapshot.h"

namespace headrace::config {

// Fills Listen::tls where there are certificates. Returns what is wrong, a line each.
std::vector<std::string> load_listen_tls(Snapshot& snapshot);

}  // namespace headrace::config
