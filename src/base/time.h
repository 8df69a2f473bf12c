// Time as numbers. No clock lives here: every clock reading comes from Io, so that the simulator
// owns time.
#pragma once

#include <cstdint>

namespace headrace::base {

using Nanos = std::int64_t;  // since an arbitrary start (monotonic), or a length of time

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;
inline constexpr Nanos kNever = INT64_MAX;

}  // namespace headrace::base
