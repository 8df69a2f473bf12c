#include "exporter/aggregate.h"

namespace headrace::exporter {

void Aggregate::add(const Record& record, const Names& names) {
  if (record.version != kRecordVersion) return;
  if (record.kind == RecordKind::request) {
    requests_.add(record, names);
    spend_.add_request(record, names);
    attempts_.end_request(record);
  }
  if (record.kind == RecordKind::attempt) {
    attempts_.add(record, names);
    spend_.add_attempt(record, names);
  }
}

void Aggregate::render(Exposition& out, const Names& names) const {
  requests_.render(out, names);
  attempts_.render(out, names);
  spend_.render(out, names);
  out.family("headrace_metrics_records_folded_total",
             MetricType::counter,
             "Times that something was counted under other, because a metric has too many series.");
  out.sample({}, requests_.folded() + attempts_.folded() + spend_.folded());
}

}  // namespace headrace::exporter
