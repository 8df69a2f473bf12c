// The fields by which providers tell how much of their limits is left, from one family's names to
// the other's. Amounts are copied; the time of a reset is a moment at Anthropic (RFC 3339) and a
// length at OpenAI (`6m0s`). Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "api/error_body.h"
#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

struct RateField {
  Bytes openai;     // lower case
  Bytes anthropic;  // lower case
  bool reset = false;
};

// The row that has `name` (lower case) on the side of `family`, or nullptr.
const RateField* find_rate_field(api::Family family, Bytes name);

// Seconds since 1970 of `2026-11-20T12:00:00Z` (fractions and offsets too), or nothing.
std::optional<std::int64_t> parse_moment(Bytes text);
// Milliseconds of `6m0s`, `7.66s`, `12ms`, or of a plain number of seconds.
std::optional<std::int64_t> parse_length_ms(Bytes text);

// A reset as the other family writes it; empty where it cannot be read. REQUIRES: room for 32.
Bytes moment_as_length(Bytes text, std::int64_t now, std::span<char> out);
Bytes length_as_moment(Bytes text, std::int64_t now, std::span<char> out);

}  // namespace headrace::dialect
