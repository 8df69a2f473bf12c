// The W3C trace that a request is part of (`traceparent`, version 00 and what later versions keep
// of it): read into the request's record, continued towards providers that are to be told. A field
// that cannot be read is none, and a trace begins anew where one is needed. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/prng.h"
#include "headrace/record.h"

namespace headrace::proxy {

using SpanId = std::array<std::uint8_t, 8>;

inline constexpr std::size_t kTraceLineBytes = 72;

void read_trace(base::Bytes traceparent, Record& request);

// Where the request has no trace, one begins.
void begin_trace(Record& request, base::Prng& random);
SpanId new_span(base::Prng& random);

// The field line that goes to a provider. REQUIRES: room for kTraceLineBytes.
base::Bytes write_trace(const Record& request, const SpanId& span, std::span<char> out);

}  // namespace headrace::proxy
