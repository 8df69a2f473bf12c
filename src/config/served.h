// What this version checks in a configuration but does not act on yet. A gateway that took such a
// key and ignored it would be worse than one that lacks it: whoever writes `keys` believes that
// requests are being checked. So a configuration that sets one is refused, by name, at start, at
// reload and by `headrace check`.
#pragma once

#include <string>
#include <vector>

#include "config/snapshot.h"

namespace headrace::config {

// One line for each key that is set and not served; empty when the snapshot can be served as it is.
std::vector<std::string> not_served(const Snapshot& snapshot);

// The paragraph of docs/configuration.md that lists them all.
std::string not_served_markdown();

}  // namespace headrace::config
