// UUID version 7 (RFC 9562): 48 bits of milliseconds, then random bits. Sorts by time.
#pragma once

#include <array>
#include <cstdint>

#include "base/prng.h"

namespace headrace::base {

using Uuid = std::array<std::uint8_t, 16>;

inline constexpr std::size_t kUuidTextBytes = 36;

Uuid make_uuid7(std::uint64_t unix_ms, Prng& random);

// Writes the 36 characters at `out` and returns their end.
char* write_uuid(char* out, const Uuid& uuid);

}  // namespace headrace::base
