// Text inside JSON: the characters behind escapes, and UTF-8 character by character. For the few
// strings that the gateway itself must understand (a model's name, a key); everything else is
// forwarded as it was written. Allocates nothing, any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/bytes.h"

namespace headrace::json {

using base::Bytes;

// The length of the UTF-8 character at the front of `text` (1 to 4), 0 when there is none.
// REQUIRES: not empty.
std::size_t utf8_size(Bytes text);

// The characters of a string that was checked before; `quoted` includes its quotes. Without escapes
// this is a view into `quoted`; else they are written to `scratch`. Nullopt when they do not fit,
// or when a lone surrogate makes them inexpressible in UTF-8.
std::optional<Bytes> unescape(Bytes quoted, std::span<char> scratch);

}  // namespace headrace::json
