#include "proxy/retry_hint.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

namespace headrace::proxy {
namespace {

constexpr base::Nanos kLongest = 24 * 3600 * base::kSecond;  // whoever asks for more means never

std::optional<base::Nanos> parse_scaled(base::Bytes text, base::Nanos unit) {
  const std::size_t point = text.find('.');
  const auto whole = base::parse_decimal(text.substr(0, point));
  if (!whole) return std::nullopt;
  if (*whole > static_cast<std::uint64_t>(kLongest / unit)) return kLongest;
  base::Nanos value = static_cast<base::Nanos>(*whole) * unit;
  if (point == base::Bytes::npos) return value;
  for (const char c : text.substr(point + 1)) {
    if (!base::is_digit(c)) return std::nullopt;
    unit /= 10;
    value += (c - '0') * unit;
  }
  return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", the one form that RFC 9110 lets a sender write.
std::optional<std::int64_t> parse_http_date(base::Bytes text) {
  constexpr base::Bytes kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(25) != " GMT" || text.substr(3, 2) != ", ") {
    return std::nullopt;
  }
  const std::size_t month = kMonths.find(text.substr(8, 3));
  const std::array<std::optional<std::uint64_t>, 5> parts = {
      base::parse_decimal(text.substr(5, 2)),
      base::parse_decimal(text.substr(12, 4)),
      base::parse_decimal(text.substr(17, 2)),
      base::parse_decimal(text.substr(20, 2)),
      base::parse_decimal(text.substr(23, 2))};
  if (month == base::Bytes::npos || month % 3 != 0) return std::nullopt;
  if (!std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.has_value(); })) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*parts[1])),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(*parts[0]))};
  if (!date.ok() || *parts[2] > 23 || *parts[3] > 59 || *parts[4] > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + static_cast<std::int64_t>(*parts[2] * 3600 + *parts[3] * 60 + *parts[4]);
}

}  // namespace

RetryHint read_retry_hint(const http::Fields& fields, base::Bytes text, std::int64_t wall_seconds) {
  RetryHint hint;
  hint.may_retry = !base::equals_lowered(fields.find("x-should-retry", text), "false");
  if (const auto ms = parse_scaled(fields.find("retry-after-ms", text), base::kMillisecond)) {
    hint.after = *ms;
    return hint;
  }
  const base::Bytes after = fields.find("retry-after", text);
  if (const auto seconds = parse_scaled(after, base::kSecond)) {
    hint.after = *seconds;
  } else if (const auto date = parse_http_date(after)) {
    const std::int64_t left = std::max<std::int64_t>(*date - wall_seconds, 0);
    hint.after = std::min(left, kLongest / base::kSecond) * base::kSecond;
  }
  return hint;
}

}  // namespace headrace::proxy
