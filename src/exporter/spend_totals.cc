#include "exporter/spend_totals.h"

#include <algorithm>
#include <string_view>

#include "exporter/token_names.h"

namespace headrace::exporter {

namespace {

constexpr std::array<std::string_view, 3> kUsageTexts = {"provider", "estimate", "none"};
constexpr std::array<std::string_view, 4> kPriceTexts = {"list", "uncertain", "provider", "none"};

bool has(const Record& record, std::uint32_t flag) {
  return (record.flags & flag) != 0;
}

bool has_usage(const Record& record) {
  return std::any_of(std::begin(record.tokens), std::end(record.tokens), [](std::uint32_t count) {
    return count != kNoTokens;
  });
}

bool has_cost(const Record& record) {
  return record.cost_picodollars >= 0;
}

}  // namespace

void Money::add(std::int64_t picodollars) {
  const auto more = static_cast<std::uint64_t>(picodollars);
  dollars_ += more / kDollar;
  picodollars_ += more % kDollar;
  if (picodollars_ < kDollar) return;
  picodollars_ -= kDollar;
  ++dollars_;
}

double Money::dollars() const {
  return static_cast<double>(dollars_) +
         static_cast<double>(picodollars_) / static_cast<double>(kDollar);
}

void SpendTotals::Spend::add(const Record& record) {
  auto& of = tokens[has(record, record_flag::kUsageEstimated) ? 1 : 0];
  for (std::size_t i = 0; i < kTokenClasses; ++i) {
    if (record.tokens[i] != kNoTokens) of[i] += record.tokens[i];
  }
  if (!has_cost(record)) return;
  priced = true;
  cost.add(record.cost_picodollars);
}

void SpendTotals::add_attempt(const Record& record, const Names& names) {
  const bool answered = record.upstream_status >= 200 && record.upstream_status < 300;
  if (!answered && !has_usage(record) && !has_cost(record)) return;
  const NameId target = names.target(record.epoch, record.target);
  const NameId route = names.route(record.epoch, record.route);
  add_sources(record, target);
  if (!has_usage(record) && !has_cost(record)) return;
  legs_.at({target, route}, {Names::kOther, Names::kOther}).add(record);
}

void SpendTotals::add_sources(const Record& record, NameId target) {
  Sources& sources = sources_.at(target, Names::kOther);
  Usage usage = Usage::none;
  if (has_usage(record)) {
    usage = has(record, record_flag::kUsageEstimated) ? Usage::estimate : Usage::provider;
  }
  Price price = Price::none;
  if (has_cost(record)) {
    price = has(record, record_flag::kCostReported)    ? Price::provider
            : has(record, record_flag::kCostUncertain) ? Price::uncertain
                                                       : Price::list;
  }
  ++sources.usage[static_cast<std::size_t>(usage)];
  ++sources.prices[static_cast<std::size_t>(price)];
}

void SpendTotals::add_request(const Record& record, const Names& names) {
  if (record.key == kNoId || (!has_usage(record) && !has_cost(record))) return;
  keys_.at(names.key(record.epoch, record.key), Names::kOther).add(record);
}

std::uint64_t SpendTotals::folded() const {
  return legs_.folded() + keys_.folded() + sources_.folded();
}

void SpendTotals::render(Exposition& out, const Names& names) const {
  render_spend(out, names);
  render_keys(out, names);
  render_sources(out, names);
}

void SpendTotals::render_tokens(Exposition& out, const Labels& labels, const Spend& spend) {
  for (const bool estimated : {false, true}) {
    const auto& of = spend.tokens[estimated ? 1 : 0];
    for (std::size_t i = 0; i < kTokenClasses; ++i) {
      if (of[i] == 0) continue;
      Labels all = labels;
      out.sample(
          all.add("type", kTokenNames[i].name()).add("estimated", estimated ? "true" : "false"),
          of[i]);
    }
  }
}

void SpendTotals::render_spend(Exposition& out, const Names& names) const {
  const auto labels_of = [&](const Leg& leg) {
    Labels labels("route", names.text(leg.route));
    return labels.add("target", names.text(leg.target));
  };
  out.family("headrace_tokens_total",
             MetricType::counter,
             "Tokens of all attempts, by class; estimated: counted by us, not by the provider.");
  for (const auto& [leg, spend] : legs_.rows()) render_tokens(out, labels_of(leg), spend);
  out.family("headrace_cost_usd_total",
             MetricType::counter,
             "What all attempts cost, as far as it is known, in US dollars.");
  for (const auto& [leg, spend] : legs_.rows()) {
    if (spend.priced) out.sample(labels_of(leg), spend.cost.dollars());
  }
}

void SpendTotals::render_keys(Exposition& out, const Names& names) const {
  out.family("headrace_key_tokens_total",
             MetricType::counter,
             "Tokens of requests with a key, by its name and by class.");
  for (const auto& [key, spend] : keys_.rows()) {
    render_tokens(out, Labels("key", names.text(key)), spend);
  }
  out.family("headrace_key_cost_usd_total",
             MetricType::counter,
             "What requests with a key cost, as far as it is known, in US dollars.");
  for (const auto& [key, spend] : keys_.rows()) {
    if (spend.priced) out.sample(Labels("key", names.text(key)), spend.cost.dollars());
  }
}

void SpendTotals::render_sources(Exposition& out, const Names& names) const {
  out.family("headrace_attempt_usage_total",
             MetricType::counter,
             "Attempts that were answered, by who counted their tokens.");
  for (const auto& [target, sources] : sources_.rows()) {
    for (std::size_t i = 0; i < kUsageTexts.size(); ++i) {
      Labels labels("target", names.text(target));
      out.sample(labels.add("source", kUsageTexts[i]), sources.usage[i]);
    }
  }
  out.family("headrace_attempt_prices_total",
             MetricType::counter,
             "Attempts that were answered, by where their price came from.");
  for (const auto& [target, sources] : sources_.rows()) {
    for (std::size_t i = 0; i < kPriceTexts.size(); ++i) {
      Labels labels("target", names.text(target));
      out.sample(labels.add("source", kPriceTexts[i]), sources.prices[i]);
    }
  }
}

}  // namespace headrace::exporter
