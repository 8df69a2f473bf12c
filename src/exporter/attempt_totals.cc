#include "exporter/attempt_totals.h"

#include "base/error.h"
#include "exporter/time_bounds.h"

namespace headrace::exporter {

namespace {

using telemetry::Histogram;

bool has(const Record& record, std::uint32_t flag) {
  return (record.flags & flag) != 0;
}

// From one phase to a later one, when both were reached.
void add_between(Histogram& histogram, std::int64_t from, std::int64_t to) {
  if (from >= 0 && to >= from) histogram.add(static_cast<std::uint64_t>(to - from));
}

// A code that a newer writer may use is "unknown", whichever it is.
std::uint8_t error_of(std::uint8_t error) {
  return error <= static_cast<std::uint8_t>(base::kLastErrc) ? error : UINT8_MAX;
}

}  // namespace

void AttemptTotals::add(const Record& record, const Names& names) {
  const NameId target = names.target(record.epoch, record.target);
  const Reason reason = follow(record, target, names);
  const std::uint8_t error = error_of(record.error);
  ++ended_.at({target, reason, error}, {Names::kOther, reason, error});
  const Cause cause = Cause::of(record);
  if (cause.is_refusal()) ++refused_.at({target, cause}, {Names::kOther, cause});
  // Nothing follows on an attempt that went well.
  if (record.error != 0) trail_.note(record, cause);
  add_times(record, target);
}

// Which attempt of its request this is, and what it followed.
AttemptTotals::Reason AttemptTotals::follow(const Record& record,
                                            NameId target,
                                            const Names& names) {
  if (has(record, record_flag::kHedge)) return Reason::hedge;
  if (record.attempt == 0) return Reason::primary;
  const AttemptTrail::Step* before = trail_.last(record);
  if (before == nullptr || before->attempt + 1 != record.attempt) return Reason::unknown;
  if (before->target == record.target) {
    ++retried_.at({target, before->cause}, {Names::kOther, before->cause});
    return Reason::retry;
  }
  const NameId from = names.target(record.epoch, before->target);
  ++failed_over_.at({from, target, before->cause}, {Names::kOther, Names::kOther, before->cause});
  return Reason::failover;
}

void AttemptTotals::add_times(const Record& record, NameId target) {
  const bool reused = has(record, record_flag::kReusedConnection);
  add_between(reused ? acquire_reused_ : acquire_new_, record.dispatched_ns, record.connected_ns);
  auto& times = times_.at(target, Names::kOther);
  if (times == nullptr) times = std::make_unique<Times>();
  add_between(times->ttft, record.request_sent_ns, record.first_useful_event_ns);
  add_between(times->wait, 0, record.upstream_wait_ns);
}

void AttemptTotals::end_request(const Record& record) {
  const bool was_noted = record.attempts > 1 || record.error != 0 || record.upstream_status >= 400;
  if (record.attempts != 0 && was_noted) trail_.forget(record);
}

std::string_view AttemptTotals::name_of(Reason reason) {
  switch (reason) {
    case Reason::primary:
      return "primary";
    case Reason::retry:
      return "retry";
    case Reason::failover:
      return "failover";
    case Reason::hedge:
      return "hedge";
    case Reason::unknown:
      return "unknown";
  }
  return "unknown";
}

std::uint64_t AttemptTotals::folded() const {
  return ended_.folded() + refused_.folded() + retried_.folded() + failed_over_.folded() +
         times_.folded();
}

void AttemptTotals::render(Exposition& out, const Names& names) const {
  render_counts(out, names);
  render_times(out, names);
}

void AttemptTotals::render_counts(Exposition& out, const Names& names) const {
  out.family("headrace_attempts_total",
             MetricType::counter,
             "Attempts, by why they were made and what became of them.");
  for (const auto& [key, count] : ended_.rows()) {
    Labels labels("target", names.text(key.target));
    labels.add("reason", name_of(key.reason));
    out.sample(labels.add("result", base::name_of(static_cast<base::Errc>(key.error))), count);
  }
  out.family("headrace_failovers_total",
             MetricType::counter,
             "Attempts that took over from one at another target, and how that one ended.");
  for (const auto& [key, count] : failed_over_.rows()) {
    Labels labels("from", names.text(key.from));
    out.sample(labels.add("to", names.text(key.to)).add("cause", key.cause.text()), count);
  }
  out.family("headrace_retries_total",
             MetricType::counter,
             "Attempts at the same target again, and how the one before ended.");
  for (const auto& [key, count] : retried_.rows()) {
    Labels labels("target", names.text(key.target));
    out.sample(labels.add("cause", key.cause.text()), count);
  }
  out.family("headrace_upstream_errors_total",
             MetricType::counter,
             "Attempts that the provider answered with an error, by what its status says.");
  for (const auto& [key, count] : refused_.rows()) {
    Labels labels("target", names.text(key.target));
    out.sample(labels.add("error", key.cause.text()), count);
  }
}

void AttemptTotals::render_times(Exposition& out, const Names& names) const {
  out.family("headrace_upstream_ttft_seconds",
             MetricType::histogram,
             "From a request sent to the first useful event of the answer.");
  for (const auto& [target, times] : times_.rows()) {
    out.histogram(Labels("target", names.text(target)), times->ttft, kWaitBounds);
  }
  out.family("headrace_upstream_wait_seconds",
             MetricType::histogram,
             "Time of an attempt in which only the provider could have gone on.");
  for (const auto& [target, times] : times_.rows()) {
    out.histogram(Labels("target", names.text(target)), times->wait, kWaitBounds);
  }
  out.family(
      "headrace_upstream_acquire_seconds",
      MetricType::histogram,
      "From the loop turn that chose a target to the first byte of the request handed to send.");
  out.histogram(Labels("reused", "false"), acquire_new_, kAcquireBounds);
  out.histogram(Labels("reused", "true"), acquire_reused_, kAcquireBounds);
}

}  // namespace headrace::exporter
