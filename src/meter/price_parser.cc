// price_parser.cc – the file of prices becomes a table. Start-up and reload only.
#include <algorithm>
#include <chrono>
#include <tuple>

#include "base/limits.h"
#include "json/scan.h"
#include "json/text.h"
#include "meter/prices.h"

namespace headrace::meter {
namespace {

using json::FoundValue;
using json::Type;

constexpr Bytes kFormat = "headrace-prices/1";
// A dollar a token: anything dearer is a mistake in the file, and products stay within bounds.
constexpr std::uint64_t kRateMax = 1'000'000'000'000;
constexpr std::size_t kRowsMax = 100'000;

std::string text_of(Bytes document, const FoundValue& value) {
  if (value.type != Type::string) return {};
  char scratch[512];
  const auto plain = json::unescape(value.text(document), scratch);
  return plain ? std::string(*plain) : std::string();
}

std::optional<std::uint64_t> number_of(Bytes document, const FoundValue& value) {
  if (value.type != Type::number) return std::nullopt;
  return base::parse_decimal(value.text(document));
}

// "06:30" in minutes; 24:00 is the end of a day.
std::optional<std::uint32_t> minutes_of(Bytes text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = base::parse_decimal(text.substr(0, 2));
  const auto minutes = base::parse_decimal(text.substr(3, 2));
  if (!hours || !minutes || *minutes > 59 || *hours * 60 + *minutes > 24 * 60) return std::nullopt;
  return static_cast<std::uint32_t>(*hours * 60 + *minutes);
}

// "2027-01-01" in days since 1970.
std::optional<std::int64_t> day_of(Bytes text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = base::parse_decimal(text.substr(0, 4));
  const auto month = base::parse_decimal(text.substr(5, 2));
  const auto day = base::parse_decimal(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

}  // namespace

class PriceTable::Parser {
 public:
  explicit Parser(std::string& fault) : fault_(fault) {}

  std::optional<PriceTable> run(Bytes document) {
    constexpr Bytes kKeys[] = {"format", "as_of", "service_tiers", "unpriced", "models"};
    FoundValue found[5];
    if (document.size() > base::limits::kPriceFileBytes) return fail("the file is too large");
    if (!scan(document, kKeys, found)) return std::nullopt;
    if (text_of(document, found[0]) != kFormat) {
      return fail("`format` is not \"" + std::string(kFormat) + "\"");
    }
    table_.as_of_ = text_of(document, found[1]);
    if (!each(document, found[2], "service_tiers", &Parser::read_service_tier)) return std::nullopt;
    if (!each(document, found[3], "unpriced", &Parser::read_unpriced)) return std::nullopt;
    if (!each(document, found[4], "models", &Parser::read_model)) return std::nullopt;
    if (table_.rows_.empty()) return fail("`models` is missing or empty");
    if (!sort_entries()) return std::nullopt;
    return std::move(table_);
  }

 private:
  using Reading = bool (Parser::*)(Bytes element);

  std::nullopt_t fail(const std::string& what) {
    if (fault_.empty()) fault_ = where_.empty() ? what : where_ + ": " + what;
    return std::nullopt;
  }
  bool refuse(const std::string& what) {
    fail(what);
    return false;
  }

  bool scan(Bytes document, std::span<const Bytes> keys, std::span<FoundValue> found) {
    const json::ScanResult result = json::scan_object(document, keys, found);
    if (result.ok()) return true;
    return refuse("no JSON object with each key once (byte " + std::to_string(result.offset) + ")");
  }

  bool each(Bytes document, const FoundValue& list, const std::string& name, Reading read) {
    if (!list.found()) return true;
    if (list.type != Type::array) return refuse("`" + name + "` is no list");
    json::ArrayWalk walk(list.text(document));
    const std::string outer = where_;
    for (std::size_t i = 0; const auto element = walk.next(); ++i) {
      if (i == kRowsMax) return refuse("`" + name + "` is too long");
      where_ = (outer.empty() ? "" : outer + ".") + name + "[" + std::to_string(i) + "]";
      if (!(this->*read)(*element)) return false;
    }
    where_ = outer;
    return true;
  }

  bool read_rates(Bytes object, Rates& rates) {
    FoundValue found[kRates];
    if (!scan(object, kRateNames, found)) return false;
    for (std::size_t i = 0; i < kRates; ++i) {
      rates[i] = kNoRate;
      if (!found[i].found()) continue;
      const auto rate = number_of(object, found[i]);
      if (!rate || *rate > kRateMax) {
        return refuse("`" + std::string(kRateNames[i]) + "` is no whole number of picodollars");
      }
      rates[i] = static_cast<std::int64_t>(*rate);
    }
    return true;
  }

  bool read_service_tier(Bytes object) {
    constexpr Bytes kKeys[] = {"provider", "tier", "model", "percent", "verified"};
    FoundValue found[5];
    if (!scan(object, kKeys, found)) return false;
    const auto percent = number_of(object, found[3]);
    if (!percent || *percent > 10'000) return refuse("`percent` is no number up to 10000");
    TierRow row;
    row.provider = text_of(object, found[0]);
    row.tier = text_of(object, found[1]);
    row.model = text_of(object, found[2]);
    row.what.percent = static_cast<std::uint16_t>(*percent);
    row.what.certain = found[4].found() && found[4].text(object) == "true";
    if (row.provider.empty() || row.tier.empty()) return refuse("needs `provider` and `tier`");
    table_.service_tiers_.push_back(std::move(row));
    return true;
  }

  bool read_unpriced(Bytes element) {
    char scratch[512];
    const auto name = element.starts_with('"') ? json::unescape(element, scratch) : std::nullopt;
    const std::size_t slash = name ? name->find('/') : Bytes::npos;
    if (slash == Bytes::npos) return refuse("is not \"provider/model\"");
    table_.entries_.push_back(
        {std::string(name->substr(0, slash)), std::string(name->substr(slash + 1)), kNoId});
    return true;
  }

  bool read_model(Bytes object) {
    constexpr Bytes kKeys[] = {"provider", "model", "aliases", "tiers", "schedule"};
    FoundValue found[5];
    if (!scan(object, kKeys, found)) return false;
    const std::string provider = text_of(object, found[0]);
    const std::string model = text_of(object, found[1]);
    if (provider.empty() || model.empty()) return refuse("needs `provider` and `model`");
    Row row;
    row.name = provider + "/" + model;
    row.provider_size = provider.size();
    if (!read_rates(object, row.rates)) return false;
    table_.rows_.push_back(std::move(row));
    add_name(provider, model);
    where_ += " (" + table_.rows_.back().name + ")";
    if (!each(object, found[2], "aliases", &Parser::read_alias)) return false;
    if (!each(object, found[3], "tiers", &Parser::read_tier)) return false;
    return each(object, found[4], "schedule", &Parser::read_period);
  }

  void add_name(std::string_view provider, std::string_view model) {
    const auto row = static_cast<std::uint32_t>(table_.rows_.size() - 1);
    table_.entries_.push_back({std::string(provider), std::string(model), row});
  }

  bool read_alias(Bytes element) {
    char scratch[512];
    const auto name = element.starts_with('"') ? json::unescape(element, scratch) : std::nullopt;
    if (!name || name->empty()) return refuse("is no name");
    add_name(table_.rows_.back().provider(), *name);
    return true;
  }

  bool read_tier(Bytes object) {
    constexpr Bytes kKeys[] = {"above"};
    FoundValue found[1];
    if (!scan(object, kKeys, found)) return false;
    const auto above = number_of(object, found[0]);
    std::vector<Tier>& tiers = table_.rows_.back().tiers;
    if (!above) return refuse("needs `above`, a number of tokens");
    if (!tiers.empty() && tiers.back().above >= *above) return refuse("tiers must ascend");
    tiers.push_back({*above, {}});
    return read_rates(object, tiers.back().rates);
  }

  bool read_period(Bytes object) {
    constexpr Bytes kKeys[] = {"from", "to", "since"};
    FoundValue found[3];
    if (!scan(object, kKeys, found)) return false;
    Period period;
    if (found[0].found() || found[1].found()) {
      const auto from = minutes_of(text_of(object, found[0]));
      const auto to = minutes_of(text_of(object, found[1]));
      if (!from || !to || *from == *to) return refuse("`from` and `to` are no window of a day");
      period.from_minute = *from;
      period.to_minute = *to;
    } else if (!found[2].found()) {
      return refuse("needs `from` and `to`, or `since`");
    }
    if (found[2].found()) {
      const auto day = day_of(text_of(object, found[2]));
      if (!day) return refuse("`since` is no date");
      period.since_day = *day;
    }
    if (!read_rates(object, period.rates)) return false;
    table_.rows_.back().schedule.push_back(period);
    return true;
  }

  bool sort_entries() {
    const auto key = [](const Entry& entry) { return std::tie(entry.provider, entry.model); };
    std::vector<Entry>& entries = table_.entries_;
    std::sort(entries.begin(), entries.end(), [&](const Entry& left, const Entry& right) {
      return key(left) < key(right);
    });
    const auto twice = std::adjacent_find(
        entries.begin(), entries.end(), [&](const Entry& left, const Entry& right) {
          return key(left) == key(right);
        });
    if (twice == entries.end()) return true;
    where_.clear();
    return refuse(twice->provider + "/" + twice->model + " stands in it twice");
  }

  PriceTable table_;
  std::string& fault_;
  std::string where_;
};

std::optional<PriceTable> PriceTable::parse(Bytes json, std::string& fault) {
  fault.clear();
  return Parser(fault).run(json);
}

}  // namespace headrace::meter
