// Numbers as people write them: "25s", "32MiB", "0660"; and back. A length of time must name its
// unit; a size may be a plain count of bytes. Whole numbers only. Start-up and reload only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace headrace::config {

// us, ms, s, m, h. On refusal `advice` says what to write instead ("has no unit; write \"25s\"").
std::optional<base::Nanos> parse_duration(std::string_view text, std::string* advice);
std::string format_duration(base::Nanos duration);

// Bytes, or KiB, MiB, GiB (powers of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text, std::string* advice);
std::string format_size(std::uint64_t bytes);

// Three octal digits, with or without a leading 0.
std::optional<std::uint32_t> parse_mode(std::string_view text, std::string* advice);
std::string format_mode(std::uint32_t mode);

// Seconds since 1970 of "2030-01-31" or "2030-01-31T18:00:00Z"; and back, in the longer form.
std::optional<std::int64_t> parse_instant(std::string_view text, std::string* advice);
std::string format_instant(std::int64_t seconds);

}  // namespace headrace::config
