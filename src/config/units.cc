#include "config/units.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "base/bytes.h"

namespace headrace::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// From large to small, so that writing back picks the largest that divides.
constexpr Unit kTimes[] = {
    {"h", 3600ull * 1'000'000'000},
    {"m", 60ull * 1'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
};
constexpr Unit kSizes[] = {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}};

struct Split {
  std::string_view digits;
  std::string_view unit;
};

Split split(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && base::is_digit(text[end])) ++end;
  return {text.substr(0, end), text.substr(end)};
}

void advise(std::string* advice, std::string words) {
  if (advice != nullptr) *advice = std::move(words);
}

// digits * factor, unless it does not fit a signed 64-bit number.
std::optional<std::uint64_t> multiply(std::string_view digits, std::uint64_t factor) {
  const auto count = base::parse_decimal(digits);
  if (!count || *count > static_cast<std::uint64_t>(INT64_MAX) / factor) return std::nullopt;
  return *count * factor;
}

template <typename Units>
const Unit* find(const Units& units, std::string_view name) {
  for (const auto& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

}  // namespace

std::optional<base::Nanos> parse_duration(std::string_view text, std::string* advice) {
  const Split parts = split(text);
  const Unit* unit = find(kTimes, parts.unit);
  if (!parts.digits.empty() && parts.unit.empty()) {
    const std::string digits(parts.digits);
    advise(advice, "has no unit; write \"" + digits + "s\" or \"" + digits + "ms\"");
    return std::nullopt;
  }
  if (parts.digits.empty() || unit == nullptr) {
    advise(advice,
           "is not a length of time; write a whole number and us, ms, s, m or h: \"1500ms\"");
    return std::nullopt;
  }
  const auto nanos = multiply(parts.digits, unit->factor);
  if (!nanos) {
    advise(advice, "is too long a time");
    return std::nullopt;
  }
  return static_cast<base::Nanos>(*nanos);
}

std::string format_duration(base::Nanos duration) {
  const auto nanos = static_cast<std::uint64_t>(duration);
  if (nanos == 0) return "0s";
  for (const auto& unit : kTimes) {
    if (nanos % unit.factor == 0)
      return std::to_string(nanos / unit.factor) + std::string(unit.name);
  }
  return std::to_string(nanos / 1000) + "us";
}

std::optional<std::uint64_t> parse_size(std::string_view text, std::string* advice) {
  const Split parts = split(text);
  const Unit* unit = find(kSizes, parts.unit);
  if (parts.digits.empty() || (unit == nullptr && !parts.unit.empty())) {
    advise(advice, "is not a size; write bytes, or a whole number and KiB, MiB or GiB: \"32MiB\"");
    return std::nullopt;
  }
  const auto bytes = multiply(parts.digits, unit == nullptr ? 1 : unit->factor);
  if (!bytes) advise(advice, "is too large a size");
  return bytes;
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (const auto& unit : kSizes) {
    if (bytes % unit.factor == 0)
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
  }
  return std::to_string(bytes);
}

std::optional<std::uint32_t> parse_mode(std::string_view text, std::string* advice) {
  std::string_view digits = text;
  if (digits.size() == 4 && digits.front() == '0') digits.remove_prefix(1);
  std::uint32_t mode = 0;
  bool octal = digits.size() == 3;
  for (const char c : digits) {
    octal = octal && c >= '0' && c <= '7';
    if (octal) mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  if (octal) return mode;
  advise(advice, "is not a file mode; write octal digits as text: \"0660\"");
  return std::nullopt;
}

std::string format_mode(std::uint32_t mode) {
  std::string text = "0000";
  for (std::size_t i = 3; i > 0; --i, mode /= 8) text[i] = static_cast<char>('0' + mode % 8);
  return text;
}

std::optional<std::int64_t> parse_instant(std::string_view text, std::string* advice) {
  advise(advice, "is not a date; write \"2030-01-31\" or \"2030-01-31T18:00:00Z\"");
  const std::string_view pattern = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != 10 && text.size() != pattern.size()) return std::nullopt;
  std::array<int, 6> fields{};
  std::size_t field = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (pattern[i] != 'd') {
      if (text[i] != pattern[i]) return std::nullopt;
      ++field;
    } else {
      if (!base::is_digit(text[i])) return std::nullopt;
      fields[field] = fields[field] * 10 + (text[i] - '0');
    }
  }
  const std::chrono::year_month_day day{std::chrono::year(fields[0]),
                                        std::chrono::month(static_cast<unsigned>(fields[1])),
                                        std::chrono::day(static_cast<unsigned>(fields[2]))};
  const bool is_time = fields[3] < 24 && fields[4] < 60 && fields[5] < 60;
  // Zero stands for "never", and the past is no use.
  if (!day.ok() || !is_time || fields[0] < 2000) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  if (advice != nullptr) advice->clear();
  return ((days * 24 + fields[3]) * 60 + fields[4]) * 60 + fields[5];
}

std::string format_instant(std::int64_t seconds) {
  constexpr std::int64_t kDay = 24 * 3600;
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(seconds / kDay))};
  const std::int64_t rest = seconds % kDay;
  const auto padded = [](std::int64_t number, std::size_t width) {
    std::string digits = std::to_string(number);
    return std::string(width - std::min(width, digits.size()), '0') + digits;
  };
  return padded(static_cast<int>(day.year()), 4) + "-" +
         padded(static_cast<unsigned>(day.month()), 2) + "-" +
         padded(static_cast<unsigned>(day.day()), 2) + "T" + padded(rest / 3600, 2) + ":" +
         padded(rest / 60 % 60, 2) + ":" + padded(rest % 60, 2) + "Z";
}

}  // namespace headrace::config
