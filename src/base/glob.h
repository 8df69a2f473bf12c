// Patterns in which `*` stands for any run of characters and everything else for itself: how routes
// and keys name models. No allocation, any thread.
#pragma once

#include "base/bytes.h"

namespace headrace::base {

bool glob_matches(Bytes pattern, Bytes text);

}  // namespace headrace::base
