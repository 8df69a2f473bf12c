#include "dialect/rate_fields.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "base/assert.h"

namespace headrace::dialect {
namespace {

// OpenAI counts tokens together; Anthropic's counts of input and output have no name there.
constexpr std::array<RateField, 6> kFields = {{
    {"x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit", false},
    {"x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining", false},
    {"x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset", true},
    {"x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit", false},
    {"x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining", false},
    {"x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset", true},
}};

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kLongestMs = 366 * kDay * 1000;

// Takes digits of a fixed width, and what must stand behind them.
bool take(Bytes& text, std::size_t width, Bytes behind, std::int64_t& value) {
  const auto number = base::parse_decimal(text.substr(0, width));
  if (!number || text.size() < width) return false;
  text.remove_prefix(width);
  if (!behind.empty()) {
    if (text.empty() || behind.find(text.front()) == Bytes::npos) return false;
    text.remove_prefix(1);
  }
  value = static_cast<std::int64_t>(*number);
  return true;
}

std::optional<std::int64_t> days_of(std::int64_t year, std::int64_t month, std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// `Z`, or `+02:00`: seconds to take away.
std::optional<std::int64_t> parse_zone(Bytes text) {
  if (text == "Z" || text == "z") return 0;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const std::int64_t sign = text.front() == '+' ? 1 : -1;
  text.remove_prefix(1);
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!take(text, 2, ":", hours) || !take(text, 2, "", minutes) || !text.empty()) {
    return std::nullopt;
  }
  return sign * (hours * kHour + minutes * kMinute);
}

struct Unit {
  Bytes name;
  double ms;
};
// Longer names first where one begins like another.
constexpr std::array<Unit, 7> kUnits = {{{"ms", 1},
                                         {"us", 0.001},
                                         {"\xC2\xB5s", 0.001},
                                         {"ns", 0.000001},
                                         {"h", 3'600'000},
                                         {"m", 60'000},
                                         {"s", 1'000}}};

// A decimal number in front of `text`.
bool take_number(Bytes& text, double& value) {
  std::size_t size = 0;
  double scale = 0;
  value = 0;
  for (; size < text.size() && size < 18; ++size) {
    const char c = text[size];
    if (c == '.' && scale == 0) {
      scale = 1;
    } else if (base::is_digit(c)) {
      value = value * 10 + (c - '0');
      scale *= 10;
    } else {
      break;
    }
  }
  if (scale > 1) value /= scale;
  text.remove_prefix(size);
  return size != 0;
}

char* two_digits(char* out, std::int64_t value) {
  *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

}  // namespace

const RateField* find_rate_field(api::Family family, Bytes name) {
  const auto* const row = std::find_if(kFields.begin(), kFields.end(), [&](const RateField& field) {
    return (family == api::Family::openai ? field.openai : field.anthropic) == name;
  });
  return row == kFields.end() ? nullptr : row;
}

std::optional<std::int64_t> parse_moment(Bytes text) {
  std::array<std::int64_t, 6> parts{};
  constexpr std::array<Bytes, 6> kBehind = {"-", "-", "Tt ", ":", ":", ""};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!take(text, i == 0 ? 4 : 2, kBehind[i], parts[i])) return std::nullopt;
  }
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    while (!text.empty() && base::is_digit(text.front())) text.remove_prefix(1);
  }
  const auto days = days_of(parts[0], parts[1], parts[2]);
  const auto zone = parse_zone(text);
  if (!days || !zone || parts[3] > 23 || parts[4] > 59 || parts[5] > 60) return std::nullopt;
  return *days * kDay + parts[3] * kHour + parts[4] * kMinute + parts[5] - *zone;
}

std::optional<std::int64_t> parse_length_ms(Bytes text) {
  double total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    double number = 0;
    if (!take_number(text, number)) return std::nullopt;
    if (text.empty()) {
      total += number * 1000;
      break;
    }
    const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& row) {
      return text.substr(0, row.name.size()) == row.name;
    });
    if (unit == kUnits.end()) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total += number * unit->ms;
  }
  if (total > static_cast<double>(kLongestMs)) return std::nullopt;
  return static_cast<std::int64_t>(total);
}

Bytes moment_as_length(Bytes text, std::int64_t now, std::span<char> out) {
  HEADRACE_ASSERT(out.size() >= 32);
  const auto moment = parse_moment(text);
  if (!moment) return {};
  const std::int64_t left = std::clamp<std::int64_t>(*moment - now, 0, kLongestMs / 1000);
  char* next = out.data();
  if (left >= kMinute) {
    next = base::write_decimal(next, static_cast<std::uint64_t>(left / kMinute));
    *next++ = 'm';
  }
  next = base::write_decimal(next, static_cast<std::uint64_t>(left % kMinute));
  *next++ = 's';
  return {out.data(), static_cast<std::size_t>(next - out.data())};
}

Bytes length_as_moment(Bytes text, std::int64_t now, std::span<char> out) {
  HEADRACE_ASSERT(out.size() >= 32);
  const auto length = parse_length_ms(text);
  if (!length || now < 0) return {};
  const std::int64_t moment = now + (*length + 999) / 1000;
  const std::chrono::sys_days days{std::chrono::days(moment / kDay)};
  const std::chrono::year_month_day date{days};
  const std::int64_t second = moment % kDay;
  const int year = static_cast<int>(date.year());
  if (year > 9999) return {};
  char* next = two_digits(out.data(), year / 100);
  next = two_digits(next, year % 100);
  *next++ = '-';
  next = two_digits(next, static_cast<unsigned>(date.month()));
  *next++ = '-';
  next = two_digits(next, static_cast<unsigned>(date.day()));
  *next++ = 'T';
  next = two_digits(next, second / kHour);
  *next++ = ':';
  next = two_digits(next, second / kMinute % 60);
  *next++ = ':';
  next = two_digits(next, second % 60);
  *next++ = 'Z';
  return {out.data(), static_cast<std::size_t>(next - out.data())};
}

}  // namespace headrace::dialect
