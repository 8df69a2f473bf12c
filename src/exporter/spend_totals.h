// SpendTotals: tokens and money. By target and route from the records of attempts, because every
// attempt is billed, the ones that nobody saw too; by key from those of requests, which hold what
// all attempts of the request came to. Besides, how much of it is known: usage that we estimated or
// never got, attempts without a price. Part of Aggregate.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "exporter/dictionary.h"
#include "exporter/prometheus.h"
#include "exporter/series.h"
#include "headrace/record.h"

namespace headrace::exporter {

// A sum of picodollars that neither loses one nor overflows.
class Money {
 public:
  void add(std::int64_t picodollars);
  double dollars() const;

 private:
  static constexpr std::uint64_t kDollar = 1'000'000'000'000;

  std::uint64_t dollars_ = 0;
  std::uint64_t picodollars_ = 0;  // below one dollar
};

class SpendTotals {
 public:
  void add_attempt(const Record& record, const Names& names);
  void add_request(const Record& record, const Names& names);
  void render(Exposition& out, const Names& names) const;
  std::uint64_t folded() const;

 private:
  // Where the usage of an attempt came from, and its price.
  enum class Usage : std::uint8_t { provider, estimate, none };
  enum class Price : std::uint8_t { list, uncertain, provider, none };
  struct Spend {
    std::array<std::array<std::uint64_t, kTokenClasses>, 2> tokens{};  // reported, estimated
    Money cost;
    bool priced = false;

    void add(const Record& record);
  };
  struct Leg {
    NameId target;
    NameId route;
    friend auto operator<=>(const Leg&, const Leg&) = default;
  };
  struct Sources {
    std::array<std::uint64_t, 3> usage{};
    std::array<std::uint64_t, 4> prices{};
  };

  void add_sources(const Record& record, NameId target);
  void render_spend(Exposition& out, const Names& names) const;
  void render_keys(Exposition& out, const Names& names) const;
  void render_sources(Exposition& out, const Names& names) const;
  static void render_tokens(Exposition& out, const Labels& labels, const Spend& spend);

  Series<Leg, Spend> legs_;
  Series<NameId, Spend> keys_;
  Series<NameId, Sources> sources_;  // by target
};

}  // namespace headrace::exporter
