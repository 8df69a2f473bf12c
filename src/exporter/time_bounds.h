// The bounds of the published histograms, in nanoseconds. docs/metrics.md lists them.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"

namespace headrace::exporter {

namespace detail {

template <typename... Milliseconds>
constexpr auto in_millis(Milliseconds... values) {
  return std::array{static_cast<std::uint64_t>(values * base::kMillisecond)...};
}
template <typename... Microseconds>
constexpr auto in_micros(Microseconds... values) {
  return std::array{static_cast<std::uint64_t>(values * base::kMicrosecond)...};
}

}  // namespace detail

// What people wait for: from a warm cache's first token to a long answer's last.
inline constexpr auto kWaitBounds = detail::in_millis(50,
                                                      100,
                                                      150,
                                                      200,
                                                      250,
                                                      300,
                                                      350,
                                                      400,
                                                      500,
                                                      600,
                                                      700,
                                                      800,
                                                      1000,
                                                      1250,
                                                      1500,
                                                      2000,
                                                      3000,
                                                      5000,
                                                      10000,
                                                      30000);
// What the gateway adds.
inline constexpr auto kOverheadBounds =
    detail::in_micros(5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000);
// Getting a connection: from the pool, over loopback, across an ocean.
inline constexpr auto kAcquireBounds = detail::in_micros(5,
                                                         10,
                                                         20,
                                                         50,
                                                         100,
                                                         200,
                                                         500,
                                                         1000,
                                                         2000,
                                                         5000,
                                                         10000,
                                                         20000,
                                                         50000,
                                                         100000,
                                                         200000,
                                                         500000,
                                                         1000000,
                                                         2000000);

}  // namespace headrace::exporter
