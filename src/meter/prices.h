// PriceTable: what a token of each class costs, by provider and model, and what an answer's usage
// comes to: an exact integer count of picodollars (1e-12 dollars), in which every listed price is
// whole. Facts with their date and sources are in config/prices.json, which is built into the
// program; a file of the same form may replace it.
//
// Built at start-up or reload (parse() allocates), immutable afterwards: find(), service_tier() and
// cost() allocate nothing and may be called from any thread. What has no published price has no
// cost, which differs from a cost of 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/usage.h"
#include "base/bytes.h"
#include "headrace/record.h"

namespace headrace::meter {

using base::Bytes;

// How a model's name led to its price.
enum class PriceMatch : std::uint8_t {
  none,
  exact,     // the name or an alias
  undated,   // without its date or revision: gpt-4o-2024-08-06 -> gpt-4o
  regional,  // a Bedrock name without its region; Price::percent holds the surcharge
  prefix,    // the longest listed name that this one begins with
};

struct Price {
  std::uint32_t row = kNoId;  // index into the table; Record::price_row
  std::uint16_t percent = 100;
  PriceMatch match = PriceMatch::none;

  bool found() const { return row != kNoId; }
};

// What the provider's service tier ("flex", "priority") does to the price of an answer.
struct ServiceTier {
  std::uint16_t percent = 100;
  bool certain = true;  // false: the factor is not verified; flag the record
};

class PriceTable {
 public:
  // An empty table: it prices nothing.
  PriceTable() = default;

  // The table in `json`; on a fault nullopt, and `fault` says what is wrong and where.
  static std::optional<PriceTable> parse(Bytes json, std::string& fault);
  // The text of config/prices.json as it was when the program was built.
  static Bytes built_in();

  // `provider` as in the table ("openai"), `model` as it was sent to the provider.
  Price find(Bytes provider, Bytes model) const;
  bool has_provider(Bytes provider) const;

  // REQUIRES: price.found(). The tier as the answer reports it; "" or "default" change nothing.
  ServiceTier service_tier(const Price& price, Bytes tier) const;

  // Picodollars of `usage` for a request that began at `wall_ns` (since 1970). Nullopt when the
  // usage is empty, or when it counts tokens of a class that has no price.
  // REQUIRES: price.found().
  std::optional<std::int64_t> cost(const Price& price,
                                   const api::Usage& usage,
                                   std::uint64_t wall_ns,
                                   ServiceTier tier = {}) const;

  std::size_t size() const { return rows_.size(); }
  // "provider/model", for the dictionary of price rows.
  std::string_view name(std::uint32_t row) const { return rows_[row].name; }
  std::string_view as_of() const { return as_of_; }

 private:
  // One for each class, and behind them two prices that are no class.
  static constexpr std::size_t kThinkingOutput = kTokenClasses;
  static constexpr std::size_t kRequest = kTokenClasses + 1;
  static constexpr std::size_t kRates = kTokenClasses + 2;
  static constexpr std::int64_t kNoRate = -1;
  static const std::array<std::string_view, kRates> kRateNames;

  using Rates = std::array<std::int64_t, kRates>;
  // From more than so many tokens in, these prices hold for the whole request.
  struct Tier {
    std::uint64_t above = 0;
    Rates rates;
  };
  // A daily window in UTC, or a change of price from a day on.
  struct Period {
    std::int64_t since_day = 0;  // days since 1970
    std::uint32_t from_minute = 0;
    std::uint32_t to_minute = 24 * 60;
    Rates rates;

    bool holds(std::uint64_t wall_ns) const;
  };
  struct Row {
    std::string name;
    std::size_t provider_size = 0;
    Rates rates;
    std::vector<Tier> tiers;       // ascending
    std::vector<Period> schedule;  // the last that holds wins

    std::string_view provider() const { return std::string_view(name).substr(0, provider_size); }
    std::string_view model() const { return std::string_view(name).substr(provider_size + 1); }
  };
  // A name under which a row is found; kNoId: known to have no price.
  struct Entry {
    std::string provider;
    std::string model;
    std::uint32_t row = kNoId;
  };
  struct TierRow {
    std::string provider;
    std::string tier;
    std::string model;  // empty: any
    ServiceTier what;
  };
  class Parser;

  const Entry* lookup(Bytes provider, Bytes model) const;
  Price find_regional(Bytes provider, Bytes model) const;
  Price find_prefix(Bytes provider, Bytes model) const;
  static Rates with_fallbacks(Rates rates);
  static void overlay(Rates& base, const Rates& over);

  std::vector<Row> rows_;
  std::vector<Entry> entries_;  // sorted by (provider, model)
  std::vector<TierRow> service_tiers_;
  std::string as_of_;
};

}  // namespace headrace::meter
