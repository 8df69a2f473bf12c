#include "distribution.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>

namespace headrace::mock {
namespace {

constexpr double kSigmasAtP99 = 2.3263478740408408;

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  if (!(value >= 0) || value > Distribution::kDrawMax) return std::nullopt;
  return value;
}

std::optional<double> parse_scaled(std::string_view text, Distribution::Unit unit) {
  if (unit == Distribution::Unit::count) return parse_number(text);
  struct Suffix {
    std::string_view text;
    double nanos;
  };
  constexpr std::array kSuffixes = {
      Suffix{"us", 1e3}, Suffix{"ms", 1e6}, Suffix{"ns", 1}, Suffix{"s", 1e9}};
  for (const Suffix& suffix : kSuffixes) {
    if (!text.ends_with(suffix.text)) continue;
    const auto value = parse_number(text.substr(0, text.size() - suffix.text.size()));
    if (!value || *value * suffix.nanos > Distribution::kDrawMax) return std::nullopt;
    return *value * suffix.nanos;
  }
  return text == "0" ? std::optional<double>(0) : std::nullopt;
}

// One draw of a standard normal (Box and Muller's transform, the cosine half).
double draw_normal(base::Prng& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

}  // namespace

std::optional<Distribution> Distribution::parse(std::string_view text, Unit unit) {
  struct Name {
    std::string_view text;
    Kind kind;
    bool two;
  };
  constexpr std::array kNames = {Name{"const:", Kind::constant, false},
                                 Name{"uniform:", Kind::uniform, true},
                                 Name{"normal:", Kind::normal, true},
                                 Name{"lognormal:", Kind::lognormal, true},
                                 Name{"exp:", Kind::exponential, false}};
  Name form{"", Kind::constant, false};
  for (const Name& name : kNames) {
    if (text.starts_with(name.text)) form = name;
  }
  text.remove_prefix(form.text.size());
  const std::size_t comma = text.find(',');
  if (form.two != (comma != std::string_view::npos)) return std::nullopt;
  const auto first = parse_scaled(text.substr(0, comma), unit);
  const auto second = form.two ? parse_scaled(text.substr(comma + 1), unit) : first;
  if (!first || !second) return std::nullopt;
  const bool is_range = form.kind == Kind::uniform || form.kind == Kind::lognormal;
  if (is_range && *second < *first) return std::nullopt;
  if (form.kind == Kind::lognormal && *first <= 0) return std::nullopt;
  Distribution result;
  result.kind_ = form.kind;
  result.first_ = *first;
  result.second_ = *second;
  return result;
}

Distribution Distribution::constant(double value) {
  Distribution result;
  result.first_ = value;
  return result;
}

std::int64_t Distribution::draw(base::Prng& random) const {
  double value = first_;
  switch (kind_) {
    case Kind::constant:
      break;
    case Kind::uniform:
      value = first_ + (second_ - first_) * random.unit();
      break;
    case Kind::normal:
      value = first_ + second_ * draw_normal(random);
      break;
    case Kind::lognormal: {
      const double sigma = std::log(second_ / first_) / kSigmasAtP99;
      value = first_ * std::exp(sigma * draw_normal(random));
      break;
    }
    case Kind::exponential:
      value = -first_ * std::log(1 - random.unit());
      break;
  }
  return std::llround(std::clamp(value, 0.0, kDrawMax));
}

std::optional<base::Nanos> parse_time(std::string_view text) {
  const auto value = parse_scaled(text, Distribution::Unit::time);
  if (!value) return std::nullopt;
  return std::llround(*value);
}

}  // namespace headrace::mock
