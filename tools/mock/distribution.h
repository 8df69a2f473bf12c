// A distribution as written on a command line: `const:400ms`, `uniform:a,b`,
// `normal:mean,deviation`, `lognormal:p50,p99`, `exp:mean`, or a bare value. Times take us, ms or
// s; counts take no unit. Draws are never negative and never above kDrawMax. A value, used by one
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/prng.h"
#include "base/time.h"

namespace headrace::mock {

class Distribution {
 public:
  enum class Unit : std::uint8_t { time, count };
  static constexpr double kDrawMax = 3.6e12;  // an hour in nanoseconds

  static std::optional<Distribution> parse(std::string_view text, Unit unit);
  static Distribution constant(double value);

  // Nanoseconds, or a count.
  std::int64_t draw(base::Prng& random) const;

 private:
  enum class Kind : std::uint8_t { constant, uniform, normal, lognormal, exponential };

  Kind kind_ = Kind::constant;
  double first_ = 0;
  double second_ = 0;
};

// "250us", "1.5s", "20ms"; nothing when it is not a time.
std::optional<base::Nanos> parse_time(std::string_view text);

}  // namespace headrace::mock
