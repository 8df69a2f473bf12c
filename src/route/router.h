// Router: which route serves a model. Exact names win over globs; globs are tried in the order in
// which the configuration has them. Pure; reads an immutable snapshot.
#pragma once

#include "base/bytes.h"
#include "config/snapshot.h"

namespace headrace::route {

// Null when no route serves the model.
const config::Route* pick_route(const config::Snapshot& snapshot, base::Bytes model);

}  // namespace headrace::route
