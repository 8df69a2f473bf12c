#include "dialect/reported_cost.h"

#include <algorithm>

#include "headrace/record.h"

namespace headrace::dialect {
namespace {

constexpr int kPicodollarDigits = 12;
constexpr int kExponentMost = 64;
constexpr std::int64_t kMost = 900'000'000'000'000'000;  // more is no price of an answer

// The value of [+-]digits, within bounds where none but them matters.
int exponent_of(Bytes text) {
  const bool below = text.starts_with('-');
  if (below || text.starts_with('+')) text.remove_prefix(1);
  int value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), kExponentMost);
  return below ? -value : value;
}

}  // namespace

std::int64_t picodollars_of(Bytes number) {
  const std::size_t mark = std::min(number.find_first_of("eE"), number.size());
  const Bytes digits = number.substr(0, mark);
  if (digits.empty() || digits.front() == '-') return kNoCost;
  int shift = kPicodollarDigits;
  if (mark < number.size()) shift += exponent_of(number.substr(mark + 1));
  std::int64_t value = 0;
  bool behind_point = false;
  for (const char c : digits) {
    if (c == '.') {
      behind_point = true;
      continue;
    }
    if (!base::is_digit(c)) return kNoCost;
    // A digit behind the point takes the unit down; digits of less than a picodollar are cut off.
    if (behind_point && shift <= 0) continue;
    if (behind_point) --shift;
    value = value * 10 + (c - '0');
    if (value > kMost) return kNoCost;
  }
  for (; shift > 0 && value != 0; --shift) {
    value *= 10;
    if (value > kMost) return kNoCost;
  }
  for (; shift < 0; ++shift) value /= 10;
  return value;
}

std::int64_t reported_cost(const CostFields& fields) {
  constexpr std::int64_t kPicodollarsOfTick = 100;
  const json::Value cost =
      fields.cost.is(json::Type::object) ? fields.cost.member("total_cost") : fields.cost;
  if (cost.is(json::Type::number)) return picodollars_of(cost.raw());
  if (const auto ticks = fields.ticks.count()) {
    return *ticks > kMost / kPicodollarsOfTick
               ? kNoCost
               : static_cast<std::int64_t>(*ticks) * kPicodollarsOfTick;
  }
  if (fields.estimated.is(json::Type::number)) return picodollars_of(fields.estimated.raw());
  return kNoCost;
}

}  // namespace headrace::dialect
