// The usage of an answer that was too long to be held: providers write it at the end, so its last
// bytes will do. Pure, any thread, no memory beyond the stack.
#pragma once

#include "api/error_body.h"
#include "api/usage.h"
#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

// Empty when the last `usage` of `tail` is not whole or not an object.
api::Usage last_usage(api::Family provider, Bytes tail);

}  // namespace headrace::dialect
