// Aggregate: what all records so far add up to, by labels that come from configuration, from HTTP
// status codes and from our own enumerations: nothing that a request said can become a label. It
// lives behind the exporter's lock.
//
// Memory is bounded (base/limits.h, "metrics"): a route costs about 24 KiB of histograms once it
// has served a request, a target 16 KiB; in all that ends below 32 MiB, whatever is configured and
// reloaded. Once a set of labels was seen, a record that has it allocates nothing.
#pragma once

#include "exporter/attempt_totals.h"
#include "exporter/dictionary.h"
#include "exporter/outcome.h"
#include "exporter/prometheus.h"
#include "exporter/request_totals.h"
#include "exporter/spend_totals.h"
#include "headrace/record.h"

namespace headrace::exporter {

class Aggregate {
 public:
  void add(const Record& record, const Names& names);
  void render(Exposition& out, const Names& names) const;

 private:
  RequestTotals requests_;
  AttemptTotals attempts_;
  SpendTotals spend_;
};

}  // namespace headrace::exporter
