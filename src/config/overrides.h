// Environment variables that stand in for keys of the file: every scalar key is
// HEADRACE_<SECTION>_<KEY>. They are laid over the tree before it is read, so that they meet the
// same checks. Providers and routes are overridden where the file has them
// (HEADRACE_PROVIDERS_<NAME>_..., HEADRACE_ROUTES_<INDEX>_...) and never created. An empty variable
// counts as absent.
#pragma once

#include <string>
#include <vector>

#include "config/secrets.h"
#include "config/yaml_tree.h"

namespace headrace::config {

// Returns warnings: variables that look like a misspelt override.
std::vector<std::string> apply_overrides(TreeNode& root, const Environment& environment);

}  // namespace headrace::config
