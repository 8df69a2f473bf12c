// The usage of an answer that was too long to be held: providers write it at the end, so its last
// bytes will do. Pure, any thread, no memory beyond the stack.
#pragma once

#include "api/error_body.h"
#include "api/usage.h"
#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

// What a usage object says; nothing where it is none. REQUIRES: valid JSON.
api::Usage read_usage(api::Family provider, Bytes object);

// Empty when the last `usage` of `tail` is not whole or not an object.
api::Usage last_usage(api::Family provider, Bytes tail);

}  // namespace headrace::dialect
