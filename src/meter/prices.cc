#include "meter/prices.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"
#include "meter/prices_data.h"

namespace headrace::meter {
namespace {

// Products of tokens and prices in full: 64 bits would overflow at absurd, but possible, counts.
__extension__ using Wide = __int128;

constexpr std::uint64_t kNanosPerMinute = 60ull * 1'000'000'000;
constexpr std::uint64_t kMinutesPerDay = 24 * 60;

constexpr std::size_t index_of(TokenClass which) {
  return static_cast<std::size_t>(which);
}

// A class without a price of its own costs as much as another one. In an order in which the other
// one is settled before it is needed.
constexpr std::pair<TokenClass, TokenClass> kFallbacks[] = {
    {TokenClass::cache_read, TokenClass::input},
    {TokenClass::cache_write_5m, TokenClass::input},
    {TokenClass::cache_write_1h, TokenClass::cache_write_5m},
    {TokenClass::audio_in, TokenClass::input},
    {TokenClass::audio_cached, TokenClass::cache_read},
    {TokenClass::image_in, TokenClass::input},
    {TokenClass::reasoning, TokenClass::output},
    {TokenClass::audio_out, TokenClass::output},
    {TokenClass::image_out, TokenClass::output},
};

constexpr Bytes kBedrock = "bedrock";
constexpr Bytes kBedrockGlobal = "global.";
constexpr Bytes kBedrockRegions[] = {"us.", "eu.", "apac.", "jp.", "au."};
constexpr std::uint16_t kRegionalPercent = 110;

bool is_boundary(char c) {
  return c == '-' || c == ':' || c == '@' || c == '/';
}

bool all_digits(Bytes text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), base::is_digit);
}

// "-2025-09-29", "-20250929", "@20250929", "-001" and "-v1:0" at the end of a name; nothing else is
// a date or a revision. Returns the name without it, or nothing.
Bytes without_revision(Bytes model) {
  const std::size_t size = model.size();
  const auto tail_is = [&](std::size_t length, auto&& test) {
    return size > length && test(model.substr(size - length));
  };
  const auto dashed_date = [](Bytes t) {
    return t[0] == '-' && all_digits(t.substr(1, 4)) && t[5] == '-' && all_digits(t.substr(6, 2)) &&
           t[8] == '-' && all_digits(t.substr(9, 2));
  };
  const auto plain_date = [](Bytes t) {
    return (t[0] == '-' || t[0] == '@') && t.substr(1, 2) == "20" && all_digits(t.substr(1));
  };
  const auto number = [](Bytes t) { return t[0] == '-' && all_digits(t.substr(1)); };
  const auto version = [](Bytes t) {
    return t.starts_with("-v") && base::is_digit(t[2]) && t[3] == ':' && base::is_digit(t[4]);
  };
  if (tail_is(11, dashed_date)) return model.substr(0, size - 11);
  if (tail_is(9, plain_date)) return model.substr(0, size - 9);
  if (tail_is(5, version)) return model.substr(0, size - 5);
  if (tail_is(4, number)) return model.substr(0, size - 4);
  return {};
}

// Whether the name goes on after `at` with another version ("claude-opus-4" before "-9"), which is
// another model with a price of its own.
bool goes_on_as_version(Bytes model, std::size_t at) {
  const Bytes rest = model.substr(at + 1);
  std::size_t length = 0;
  while (length < rest.size() && !is_boundary(rest[length])) ++length;
  return length <= 2 && all_digits(rest.substr(0, length));
}

}  // namespace

const std::array<std::string_view, PriceTable::kRates> PriceTable::kRateNames = {"input",
                                                                                 "cache_read",
                                                                                 "cache_write_5m",
                                                                                 "cache_write_1h",
                                                                                 "audio_in",
                                                                                 "audio_cached",
                                                                                 "image_in",
                                                                                 "output",
                                                                                 "reasoning",
                                                                                 "audio_out",
                                                                                 "image_out",
                                                                                 "thinking_output",
                                                                                 "request"};

Bytes PriceTable::built_in() {
  return kPricesJson;
}

const PriceTable::Entry* PriceTable::lookup(Bytes provider, Bytes model) const {
  const auto at = std::lower_bound(entries_.begin(),
                                   entries_.end(),
                                   std::pair(provider, model),
                                   [](const Entry& entry, const std::pair<Bytes, Bytes>& wanted) {
                                     return std::tuple<Bytes, Bytes>(entry.provider, entry.model) <
                                            std::tuple<Bytes, Bytes>(wanted.first, wanted.second);
                                   });
  if (at == entries_.end() || at->provider != provider || at->model != model) return nullptr;
  return &*at;
}

bool PriceTable::has_provider(Bytes provider) const {
  return std::any_of(
      rows_.begin(), rows_.end(), [&](const Row& row) { return row.provider() == provider; });
}

Price PriceTable::find(Bytes provider, Bytes model) const {
  PriceMatch match = PriceMatch::exact;
  for (Bytes name = model; !name.empty(); name = without_revision(name)) {
    if (const Entry* entry = lookup(provider, name)) {
      return entry->row == kNoId ? Price{} : Price{entry->row, 100, match};
    }
    match = PriceMatch::undated;
  }
  if (provider == kBedrock) {
    if (const Price price = find_regional(provider, model); price.found()) return price;
  }
  return find_prefix(provider, model);
}

// The newest models are listed under their global profile, which is cheaper than a region's; older
// ones have one price wherever they run.
Price PriceTable::find_regional(Bytes provider, Bytes model) const {
  Bytes bare = model;
  for (const Bytes region : kBedrockRegions) {
    if (bare.starts_with(region)) {
      bare.remove_prefix(region.size());
      break;
    }
  }
  char name[256];
  if (kBedrockGlobal.size() + bare.size() > sizeof name) return {};
  char* end = base::write_bytes(base::write_bytes(name, kBedrockGlobal), bare);
  const Bytes global(name, static_cast<std::size_t>(end - name));
  if (const Entry* entry = lookup(provider, global)) {
    return {entry->row, kRegionalPercent, PriceMatch::regional};
  }
  if (const Entry* entry = lookup(provider, bare)) return {entry->row, 100, PriceMatch::regional};
  return {};
}

Price PriceTable::find_prefix(Bytes provider, Bytes model) const {
  for (std::size_t at = model.size(); at-- > 1;) {
    if (!is_boundary(model[at]) || goes_on_as_version(model, at)) continue;
    const Entry* entry = lookup(provider, model.substr(0, at));
    if (entry == nullptr) continue;
    return entry->row == kNoId ? Price{} : Price{entry->row, 100, PriceMatch::prefix};
  }
  return {};
}

ServiceTier PriceTable::service_tier(const Price& price, Bytes tier) const {
  const Row& row = rows_[price.row];
  if (tier.empty() || tier == "default" || tier == "standard" || tier == "auto") return {};
  const TierRow* found = nullptr;
  for (const TierRow& each : service_tiers_) {
    if (each.provider != row.provider() || each.tier != tier) continue;
    if (!each.model.empty() && each.model != row.model()) continue;
    if (found == nullptr || !each.model.empty()) found = &each;  // a model's own beats the general
  }
  // A tier nobody listed: billed as the usual one, and said to be uncertain.
  return found == nullptr ? ServiceTier{100, false} : found->what;
}

bool PriceTable::Period::holds(std::uint64_t wall_ns) const {
  const std::uint64_t minute = wall_ns / kNanosPerMinute;
  if (static_cast<std::int64_t>(minute / kMinutesPerDay) < since_day) return false;
  const std::uint64_t of_day = minute % kMinutesPerDay;
  if (from_minute <= to_minute) return of_day >= from_minute && of_day < to_minute;
  return of_day >= from_minute || of_day < to_minute;  // across midnight
}

void PriceTable::overlay(Rates& base, const Rates& over) {
  for (std::size_t i = 0; i < kRates; ++i) {
    if (over[i] != kNoRate) base[i] = over[i];
  }
}

PriceTable::Rates PriceTable::with_fallbacks(Rates rates) {
  for (const auto& [from, to] : kFallbacks) {
    if (rates[index_of(from)] == kNoRate) rates[index_of(from)] = rates[index_of(to)];
  }
  return rates;
}

std::optional<std::int64_t> PriceTable::cost(const Price& price,
                                             const api::Usage& usage,
                                             std::uint64_t wall_ns,
                                             ServiceTier tier) const {
  HEADRACE_ASSERT(price.found());
  if (usage.empty()) return std::nullopt;
  const Row& row = rows_[price.row];
  Rates rates = row.rates;
  for (const Period& period : row.schedule) {
    if (period.holds(wall_ns)) overlay(rates, period.rates);
  }
  const std::uint64_t total_in = usage.total_in();
  for (const Tier& each : row.tiers) {
    if (total_in > each.above) overlay(rates, each.rates);
  }
  rates = with_fallbacks(rates);
  if (usage.count(TokenClass::reasoning) != 0 && rates[kThinkingOutput] != kNoRate) {
    rates[index_of(TokenClass::output)] = rates[kThinkingOutput];
    rates[index_of(TokenClass::reasoning)] = rates[kThinkingOutput];
  }
  Wide sum = rates[kRequest] == kNoRate ? 0 : rates[kRequest];
  for (std::size_t i = 0; i < kTokenClasses; ++i) {
    const std::uint64_t count = usage.count(static_cast<TokenClass>(i));
    if (count == 0) continue;
    if (rates[i] == kNoRate) return std::nullopt;
    sum += static_cast<Wide>(count) * rates[i];
  }
  sum = sum * price.percent * tier.percent / 10'000;
  return static_cast<std::int64_t>(std::min<Wide>(sum, INT64_MAX));
}

}  // namespace headrace::meter
