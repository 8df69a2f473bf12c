// What a provider says about trying again, from the head of its answer: `x-should-retry`,
// `retry-after-ms`, and `retry-after` in seconds (whole or not) or as an HTTP date. Pure.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "http/message.h"

namespace headrace::proxy {

struct RetryHint {
  bool may_retry = true;   // false: `x-should-retry: false`
  base::Nanos after = -1;  // -1: nothing was said that can be read
};

// `wall_seconds`: now, since 1970.
RetryHint read_retry_hint(const http::Fields& fields, base::Bytes text, std::int64_t wall_seconds);

}  // namespace headrace::proxy
