// The answer's header fields about a key's limits: `x-ratelimit-{limit,remaining,reset}-requests`
// and `-tokens` as OpenAI names them (a reset is a Go duration), and on a refusal `retry-after` in
// whole seconds, `retry-after-ms`, and the scope that refused. Writes into the caller's span.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"
#include "policy/limits.h"

namespace headrace::policy {

inline constexpr std::size_t kRateFieldsBytes = 640;  // room that they always fit into

// The fields of the bounds that there are, each ending in CRLF. `refusal` is null for a request
// that passed. REQUIRES: out.size() >= kRateFieldsBytes.
base::Bytes write_rate_fields(const KeyLimits& limits,
                              const Bounds& bounds,
                              Nanos now,
                              const Refusal* refusal,
                              std::span<char> out);

}  // namespace headrace::policy
