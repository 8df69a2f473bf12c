// AttemptTotals: what the records of attempts add up to: what became of them and why they were
// made, which target took over from which, how providers refused, and how long they let us wait.
// Part of Aggregate.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/limits.h"
#include "exporter/attempt_trail.h"
#include "exporter/dictionary.h"
#include "exporter/outcome.h"
#include "exporter/prometheus.h"
#include "exporter/series.h"
#include "headrace/record.h"
#include "telemetry/histogram.h"

namespace headrace::exporter {

class AttemptTotals {
 public:
  void add(const Record& record, const Names& names);
  // Its attempts are over.
  void end_request(const Record& record);
  void render(Exposition& out, const Names& names) const;
  std::uint64_t folded() const;

 private:
  // Why an attempt was made.
  enum class Reason : std::uint8_t { primary, retry, failover, hedge, unknown };
  struct Times {
    telemetry::Histogram ttft;
    telemetry::Histogram wait;
  };
  struct Ended {
    NameId target;
    Reason reason;
    std::uint8_t error;
    friend auto operator<=>(const Ended&, const Ended&) = default;
  };
  struct Refused {
    NameId target;
    Cause cause;
    friend auto operator<=>(const Refused&, const Refused&) = default;
  };
  using Retried = Refused;
  struct FailedOver {
    NameId from;
    NameId to;
    Cause cause;
    friend auto operator<=>(const FailedOver&, const FailedOver&) = default;
  };

  Reason follow(const Record& record, NameId target, const Names& names);
  void add_times(const Record& record, NameId target);
  void render_counts(Exposition& out, const Names& names) const;
  void render_times(Exposition& out, const Names& names) const;
  static std::string_view name_of(Reason reason);

  AttemptTrail trail_;
  Series<Ended, std::uint64_t> ended_;
  Series<Refused, std::uint64_t> refused_;
  Series<Retried, std::uint64_t> retried_;
  Series<FailedOver, std::uint64_t> failed_over_;
  Series<NameId, std::unique_ptr<Times>, base::limits::kMetricTimedNames> times_;  // by target
  telemetry::Histogram acquire_new_;
  telemetry::Histogram acquire_reused_;
};

}  // namespace headrace::exporter
