// The configuration for people: what is in force as YAML without its secrets, and the reference
// page. Both walk the table of schema.h, so neither can forget a key.
#pragma once

#include <string>

#include "config/snapshot.h"

namespace headrace::config {

// Loads again to the same snapshot, except for API keys, which are "***".
std::string print_redacted(const Snapshot& snapshot);

// The whole of docs/configuration.md.
std::string docs_markdown();

}  // namespace headrace::config
