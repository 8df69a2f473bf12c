// From a provider's TLS keys to the terms on which it is connected to: reads the files that they
// name, at start, at reload and for `headrace check`, so that a file that cannot be used is known
// before anybody relies on it. A bundle that several providers name is read once.
#pragma once

#include <string>
#include <vector>

#include "config/snapshot.h"

namespace headrace::config {

// Fills Provider::tls of every https provider. One line for each that cannot be connected to.
std::vector<std::string> load_provider_tls(Snapshot& snapshot);

}  // namespace headrace::config
