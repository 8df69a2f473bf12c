// Aggregate: what all records so far add up to, by labels that come from configuration, from HTTP
// status codes and from our own enumerations: nothing that a request said can become a label. It
// lives behind the exporter's lock. A route costs about 24 KiB of histograms once it has served a
// request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "exporter/dictionary.h"
#include "exporter/prometheus.h"
#include "headrace/record.h"
#include "telemetry/histogram.h"

namespace headrace::exporter {

// How a request ended, in the words of a dashboard.
enum class Outcome : std::uint8_t {
  ok,
  client_cancel,   // the client went away, or stopped reading
  upstream_error,  // the provider failed, or said no
  deadline,        // no connection, first token or end in time
  stall,           // silence in the middle
  truncated,       // the answer had begun and never got whole
  rejected,        // refused by us
};

std::string_view name_of(Outcome outcome);
Outcome outcome_of(const Record& record);

class Aggregate {
 public:
  void add(const Record& record, const Names& names);
  void render(Exposition& out, const Names& names) const;

 private:
  struct RouteTimes {
    telemetry::Histogram duration;
    telemetry::Histogram ttfb;
    telemetry::Histogram ttft;
  };

  void add_request(const Record& record, const Names& names);
  void add_attempt(const Record& record, const Names& names);
  void render_route_times(Exposition& out,
                          const Names& names,
                          std::string_view name,
                          std::string_view help,
                          telemetry::Histogram RouteTimes::* member) const;

  // (route, status, outcome)
  std::map<std::tuple<NameId, std::uint16_t, Outcome>, std::uint64_t> requests_;
  std::map<NameId, std::unique_ptr<RouteTimes>> routes_;
  // (target, error code)
  std::map<std::pair<NameId, std::uint8_t>, std::uint64_t> attempts_;
  std::map<NameId, std::unique_ptr<telemetry::Histogram>> upstream_ttft_;  // by target
  telemetry::Histogram overhead_;
  telemetry::Histogram acquire_new_;
  telemetry::Histogram acquire_reused_;
  telemetry::Histogram cancel_;
};

}  // namespace headrace::exporter
