// What of a configuration is made once, at start, and does not follow a reload.
#pragma once

#include <string_view>
#include <vector>

#include "config/snapshot.h"

namespace headrace::server {

// The keys that changed and take effect at the next start only: saying so beats a riddle.
std::vector<std::string_view> keys_for_the_next_start(const config::Snapshot& old,
                                                      const config::Snapshot& fresh);

// What is written about requests was opened at start; workers ask the snapshot about it, so the new
// one goes on saying what is so.
void keep_what_was_opened(const config::Snapshot& old, config::Snapshot& fresh);

}  // namespace headrace::server
