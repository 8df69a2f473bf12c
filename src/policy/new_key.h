// Makes keys for clients: 256 bits of the system's randomness each. For `headrace key new`; the
// only place that ever sees a whole key, and it keeps none.
#pragma once

#include <string>
#include <string_view>

namespace headrace::policy {

// "hr-" and 43 of A-Z a-z 0-9 _ -.
std::string new_key();

// What `headrace key new` prints: the key, once, and the lines of configuration that admit it. With
// an empty secret a new one is proposed too. REQUIRES: `name` is fit for the configuration.
std::string describe_new_key(std::string_view key, std::string_view name, std::string_view secret);

}  // namespace headrace::policy
