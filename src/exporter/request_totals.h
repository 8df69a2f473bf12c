// RequestTotals: what the records of requests add up to: how they ended, by route, target, status,
// error and key; who was refused and why; what clients waited for. Part of Aggregate.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/limits.h"
#include "exporter/dictionary.h"
#include "exporter/outcome.h"
#include "exporter/prometheus.h"
#include "exporter/series.h"
#include "headrace/record.h"
#include "telemetry/histogram.h"

namespace headrace::exporter {

class RequestTotals {
 public:
  void add(const Record& record, const Names& names);
  void render(Exposition& out, const Names& names) const;
  std::uint64_t folded() const;

 private:
  struct Times {
    telemetry::Histogram duration;
    telemetry::Histogram ttfb;
    telemetry::Histogram ttft;
  };
  // How far a request had got when its client went.
  enum class Phase : std::uint8_t { request, upstream, answer };
  // Numbers that a record may hold are folded before they become part of a key: see .cc.
  struct Ended {
    NameId route;
    std::uint16_t code;
    Outcome outcome;
    friend auto operator<=>(const Ended&, const Ended&) = default;
  };
  struct Answered {
    NameId target;
    NameId route;
    std::uint8_t hundreds;
    friend auto operator<=>(const Answered&, const Answered&) = default;
  };
  struct Failed {
    NameId route;
    NameId target;
    std::uint8_t error;
    std::uint8_t blame;
    friend auto operator<=>(const Failed&, const Failed&) = default;
  };
  struct Refused {
    std::uint16_t code;
    std::uint8_t error;
    friend auto operator<=>(const Refused&, const Refused&) = default;
  };
  struct Cancelled {
    NameId route;
    Phase phase;
    bool stalled;
    friend auto operator<=>(const Cancelled&, const Cancelled&) = default;
  };
  struct KeyEnded {
    NameId key;
    Outcome outcome;
    friend auto operator<=>(const KeyEnded&, const KeyEnded&) = default;
  };
  struct KeyLimited {
    NameId key;
    std::uint8_t error;
    friend auto operator<=>(const KeyLimited&, const KeyLimited&) = default;
  };

  void add_failure(const Record& record, NameId route, NameId target, Outcome outcome);
  void add_key(const Record& record, NameId key, Outcome outcome);
  void add_times(const Record& record, NameId route);
  void render_counts(Exposition& out, const Names& names) const;
  void render_failures(Exposition& out, const Names& names) const;
  void render_keys(Exposition& out, const Names& names) const;
  void render_times(Exposition& out, const Names& names) const;
  void render_times_of(Exposition& out,
                       const Names& names,
                       std::string_view name,
                       std::string_view help,
                       telemetry::Histogram Times::* member) const;

  static Phase phase_of(const Record& record);
  static std::string_view name_of(Phase phase);

  Series<Ended, std::uint64_t> ended_;
  Series<Answered, std::uint64_t> answered_;
  Series<Failed, std::uint64_t> failed_;
  Series<Refused, std::uint64_t> refused_;
  Series<Cancelled, std::uint64_t> cancelled_;
  Series<KeyEnded, std::uint64_t> key_ended_;
  Series<KeyLimited, std::uint64_t> key_limited_;
  Series<NameId, std::unique_ptr<Times>, base::limits::kMetricTimedNames> times_;  // by route
  telemetry::Histogram overhead_;
  telemetry::Histogram cancel_;
};

}  // namespace headrace::exporter
