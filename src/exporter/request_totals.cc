#include "exporter/request_totals.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "exporter/time_bounds.h"

namespace headrace::exporter {

namespace {

using base::Errc;
using telemetry::Histogram;

constexpr std::uint16_t kNoCode = 0;
constexpr std::uint16_t kOddCode = 1;  // of a status that HTTP does not have
constexpr std::uint8_t kNewError = UINT8_MAX;

std::uint16_t code_of(std::uint16_t status) {
  if (status == 0) return kNoCode;
  return status >= 100 && status <= 599 ? status : kOddCode;
}

std::string code_text(std::uint16_t code) {
  if (code == kNoCode) return "none";
  return code == kOddCode ? "other" : std::to_string(code);
}

constexpr std::uint8_t kOddHundreds = 6;

std::uint8_t hundreds_of(std::uint16_t code) {
  return code == kOddCode ? kOddHundreds : static_cast<std::uint8_t>(code / 100);
}

std::string_view hundreds_text(std::uint8_t hundreds) {
  switch (hundreds) {
    case 1:
      return "1xx";
    case 2:
      return "2xx";
    case 3:
      return "3xx";
    case 4:
      return "4xx";
    case 5:
      return "5xx";
    case kOddHundreds:
      return "other";
    default:
      return "none";
  }
}

// A code that a newer writer may use is "unknown", whichever it is.
std::uint8_t error_of(std::uint8_t error) {
  return error <= static_cast<std::uint8_t>(base::kLastErrc) ? error : kNewError;
}

std::uint8_t blame_of(std::uint8_t blame) {
  return std::min<std::uint8_t>(blame, static_cast<std::uint8_t>(base::Blame::gateway) + 1);
}

std::string_view error_text(std::uint8_t error) {
  return base::name_of(static_cast<Errc>(error));
}

// Which limit of its key a request met; empty: none.
std::string_view scope_text(std::uint8_t error) {
  switch (static_cast<Errc>(error)) {
    case Errc::requests_limited:
      return "requests";
    case Errc::tokens_limited:
      return "tokens";
    case Errc::concurrency_limited:
      return "concurrency";
    default:
      return {};
  }
}

void add_stamp(Histogram& histogram, std::int64_t nanos) {
  if (nanos >= 0) histogram.add(static_cast<std::uint64_t>(nanos));
}

void add_duration(Histogram& histogram, std::uint32_t nanos) {
  if (nanos != kNoDuration) histogram.add(nanos);
}

}  // namespace

void RequestTotals::add(const Record& record, const Names& names) {
  const NameId route = names.route(record.epoch, record.route);
  const NameId target = names.target(record.epoch, record.target);
  const Outcome outcome = outcome_of(record);
  const std::uint16_t code = code_of(record.status);
  ++ended_.at({route, code, outcome}, {Names::kOther, kOddCode, outcome});
  const std::uint8_t hundreds = hundreds_of(code);
  ++answered_.at({target, route, hundreds}, {Names::kOther, Names::kOther, hundreds});
  if (outcome != Outcome::ok) add_failure(record, route, target, outcome);
  if (record.key != kNoId) add_key(record, names.key(record.epoch, record.key), outcome);
  add_times(record, route);
}

void RequestTotals::add_failure(const Record& record,
                                NameId route,
                                NameId target,
                                Outcome outcome) {
  const std::uint8_t error = error_of(record.error);
  const std::uint8_t blame = blame_of(record.blame);
  if (error != 0) {
    ++failed_.at({route, target, error, blame}, {Names::kOther, Names::kOther, error, blame});
  } else if (outcome == Outcome::upstream_error) {
    // The refusal went to the client in the provider's own words.
    constexpr auto kSaidNo = static_cast<std::uint8_t>(Errc::upstream_status);
    constexpr auto kTheirs = static_cast<std::uint8_t>(base::Blame::upstream);
    ++failed_.at({route, target, kSaidNo, kTheirs},
                 {Names::kOther, Names::kOther, kSaidNo, kTheirs});
  }
  if (outcome == Outcome::rejected) {
    ++refused_.at({code_of(record.status), error}, {kOddCode, error});
  }
  if (outcome == Outcome::client_cancel) {
    const Phase phase = phase_of(record);
    const bool stalled = static_cast<Errc>(record.error) == Errc::client_stalled;
    ++cancelled_.at({route, phase, stalled}, {Names::kOther, phase, stalled});
  }
}

void RequestTotals::add_key(const Record& record, NameId key, Outcome outcome) {
  ++key_ended_.at({key, outcome}, {Names::kOther, outcome});
  if (scope_text(record.error).empty()) return;
  ++key_limited_.at({key, record.error}, {Names::kOther, record.error});
}

void RequestTotals::add_times(const Record& record, NameId route) {
  auto& times = times_.at(route, Names::kOther);
  if (times == nullptr) times = std::make_unique<Times>();
  add_stamp(times->duration, record.settled_ns);
  add_stamp(times->ttfb, record.first_byte_sent_ns);
  add_stamp(times->ttft, record.first_useful_event_ns);
  add_duration(overhead_, record.overhead_ns);
  add_duration(cancel_, record.cancel_ns);
}

RequestTotals::Phase RequestTotals::phase_of(const Record& record) {
  if ((record.flags & record_flag::kCommitted) != 0) return Phase::answer;
  return record.dispatched_ns >= 0 ? Phase::upstream : Phase::request;
}

std::string_view RequestTotals::name_of(Phase phase) {
  switch (phase) {
    case Phase::request:
      return "request";
    case Phase::upstream:
      return "upstream";
    case Phase::answer:
      return "answer";
  }
  return "unknown";
}

std::uint64_t RequestTotals::folded() const {
  return ended_.folded() + answered_.folded() + failed_.folded() + refused_.folded() +
         cancelled_.folded() + key_ended_.folded() + key_limited_.folded() + times_.folded();
}

void RequestTotals::render(Exposition& out, const Names& names) const {
  render_counts(out, names);
  render_failures(out, names);
  render_keys(out, names);
  render_times(out, names);
}

void RequestTotals::render_counts(Exposition& out, const Names& names) const {
  out.family("headrace_requests_total", MetricType::counter, "Requests, by how they ended.");
  for (const auto& [key, count] : ended_.rows()) {
    Labels labels("route", names.text(key.route));
    labels.add("code", code_text(key.code)).add("outcome", exporter::name_of(key.outcome));
    out.sample(labels, count);
  }
  out.family("headrace_target_requests_total",
             MetricType::counter,
             "Requests, by the target of their last attempt and the class of their status.");
  for (const auto& [key, count] : answered_.rows()) {
    Labels labels("target", names.text(key.target));
    labels.add("route", names.text(key.route)).add("status", hundreds_text(key.hundreds));
    out.sample(labels, count);
  }
}

void RequestTotals::render_failures(Exposition& out, const Names& names) const {
  out.family("headrace_request_errors_total",
             MetricType::counter,
             "Requests that failed, by error and by whose doing it was.");
  for (const auto& [key, count] : failed_.rows()) {
    Labels labels("route", names.text(key.route));
    labels.add("target", names.text(key.target));
    labels.add("error", error_text(key.error)).add("blame", blame_text(key.blame));
    out.sample(labels, count);
  }
  out.family(
      "headrace_refused_total", MetricType::counter, "Requests that the gateway refused, and why.");
  for (const auto& [key, count] : refused_.rows()) {
    Labels labels("code", code_text(key.code));
    out.sample(labels.add("reason", error_text(key.error)), count);
  }
  out.family("headrace_cancelled_total",
             MetricType::counter,
             "Requests that lost their client, by how far they had got.");
  for (const auto& [key, count] : cancelled_.rows()) {
    Labels labels("route", names.text(key.route));
    labels.add("phase", name_of(key.phase));
    const Errc cause = key.stalled ? Errc::client_stalled : Errc::client_closed;
    out.sample(labels.add("cause", base::name_of(cause)), count);
  }
}

void RequestTotals::render_keys(Exposition& out, const Names& names) const {
  out.family(
      "headrace_key_requests_total", MetricType::counter, "Requests with a key, by its name.");
  for (const auto& [key, count] : key_ended_.rows()) {
    Labels labels("key", names.text(key.key));
    out.sample(labels.add("outcome", exporter::name_of(key.outcome)), count);
  }
  out.family("headrace_key_limited_total",
             MetricType::counter,
             "Requests refused because a limit of their key was used up.");
  for (const auto& [key, count] : key_limited_.rows()) {
    Labels labels("key", names.text(key.key));
    out.sample(labels.add("scope", scope_text(key.error)), count);
  }
}

void RequestTotals::render_times(Exposition& out, const Names& names) const {
  render_times_of(out,
                  names,
                  "headrace_request_duration_seconds",
                  "From the first byte of a request to its end.",
                  &Times::duration);
  render_times_of(out,
                  names,
                  "headrace_ttfb_seconds",
                  "From the first byte of a request to the first byte of its answer.",
                  &Times::ttfb);
  render_times_of(out,
                  names,
                  "headrace_ttft_seconds",
                  "From the first byte of a request to the first useful event of its stream.",
                  &Times::ttft);
  out.family("headrace_overhead_seconds",
             MetricType::histogram,
             "What the gateway added: first byte read to last byte sent, minus upstream waiting.");
  out.histogram(Labels("phase", "request"), overhead_, kOverheadBounds);
  out.family("headrace_cancel_propagation_seconds",
             MetricType::histogram,
             "From the loop turn that saw a client gone to its last attempt's RST_STREAM or close "
             "queued; the kernel gets that behind the turn and what was queued before.");
  out.histogram({}, cancel_, kOverheadBounds);
}

void RequestTotals::render_times_of(Exposition& out,
                                    const Names& names,
                                    std::string_view name,
                                    std::string_view help,
                                    Histogram Times::* member) const {
  out.family(name, MetricType::histogram, help);
  for (const auto& [route, times] : times_.rows()) {
    out.histogram(Labels("route", names.text(route)), *times.*member, kWaitBounds);
  }
}

}  // namespace headrace::exporter
