#include "meter/meter.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>

namespace headrace::meter {

void Meter::begin(const base::Uuid& id,
                  std::uint64_t wall_ns,
                  base::Nanos start,
                  std::uint32_t epoch) {
  request_ = Record{};
  std::memcpy(request_.request_id, id.data(), id.size());
  request_.wall_start_ns = wall_ns;
  request_.start_ns = start;
  request_.epoch = epoch;
}

Record Meter::attempt() const {
  Record record{};
  record.kind = RecordKind::attempt;
  std::memcpy(record.request_id, request_.request_id, sizeof record.request_id);
  record.wall_start_ns = request_.wall_start_ns;
  record.start_ns = request_.start_ns;
  record.head_complete_ns = request_.head_complete_ns;
  record.epoch = request_.epoch;
  record.route = request_.route;
  return record;
}

std::int64_t Meter::offset(base::Nanos stamp) const {
  return stamp == 0 ? kNoStamp : stamp - request_.start_ns;
}

std::uint32_t Meter::duration(base::Nanos nanos) {
  return static_cast<std::uint32_t>(std::clamp<base::Nanos>(nanos, 0, kNoDuration - 1));
}

std::uint32_t Meter::sum(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
}

void Meter::set_error(Record& record, base::Error error) {
  record.error = static_cast<std::uint8_t>(error.code);
  record.blame = static_cast<std::uint8_t>(error.blame);
}

void Meter::set_usage(Record& record, const api::Usage& usage) {
  std::copy(usage.tokens.begin(), usage.tokens.end(), record.tokens);
}

void Meter::set_cost(Record& record,
                     const PriceTable& prices,
                     const Price& price,
                     const api::Usage& usage,
                     std::uint64_t wall_ns) {
  record.price_row = price.row;
  if (usage.reported_cost != kNoCost) {
    record.cost_picodollars = usage.reported_cost;
    record.flags |= record_flag::kCostReported;
    return;
  }
  if (!price.found()) return;
  const ServiceTier tier = prices.service_tier(price, usage.tier());
  const std::optional<std::int64_t> cost = prices.cost(price, usage, wall_ns, tier);
  if (!cost) return;
  record.cost_picodollars = *cost;
  if (price.match == PriceMatch::prefix || !tier.certain)
    record.flags |= record_flag::kCostUncertain;
}

void Meter::add_usage(Record& request, const Record& attempt) {
  api::Usage sum;
  std::copy(std::begin(request.tokens), std::end(request.tokens), sum.tokens.begin());
  for (std::size_t i = 0; i < kTokenClasses; ++i) {
    if (attempt.tokens[i] != kNoTokens) sum.add(static_cast<TokenClass>(i), attempt.tokens[i]);
  }
  set_usage(request, sum);
  request.price_row = attempt.price_row;
  constexpr std::uint32_t kCarried =
      record_flag::kUsageEstimated | record_flag::kCostUncertain | record_flag::kCostReported;
  request.flags |= attempt.flags & kCarried;
  if (attempt.cost_picodollars == kNoCost) return;
  const std::int64_t before = std::max<std::int64_t>(request.cost_picodollars, 0);
  request.cost_picodollars = before + std::min(attempt.cost_picodollars, INT64_MAX - before);
}

bool Meter::settle(Record& record,
                   telemetry::RecordRing& ring,
                   std::uint16_t worker,
                   std::uint64_t& sequence) {
  record.worker = worker;
  record.sequence = sequence++;
  return ring.push(record);
}

}  // namespace headrace::meter
