#include "exporter/aggregate.h"

#include <array>
#include <string>

#include "base/error.h"
#include "base/time.h"

namespace headrace::exporter {

namespace {

using base::Errc;
using base::kMicrosecond;
using base::kMillisecond;
using telemetry::Histogram;

template <typename... Milliseconds>
constexpr auto in_millis(Milliseconds... values) {
  return std::array{static_cast<std::uint64_t>(values * kMillisecond)...};
}
template <typename... Microseconds>
constexpr auto in_micros(Microseconds... values) {
  return std::array{static_cast<std::uint64_t>(values * kMicrosecond)...};
}

// What people wait for: from a warm cache's first token to a long answer's last.
constexpr auto kWaitBounds = in_millis(50,
                                       100,
                                       150,
                                       200,
                                       250,
                                       300,
                                       350,
                                       400,
                                       500,
                                       600,
                                       700,
                                       800,
                                       1000,
                                       1250,
                                       1500,
                                       2000,
                                       3000,
                                       5000,
                                       10000,
                                       30000);
// What the gateway adds.
constexpr auto kOverheadBounds =
    in_micros(5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000);
// Getting a connection: from the pool, over loopback, across an ocean.
constexpr auto kAcquireBounds = in_micros(5,
                                          10,
                                          20,
                                          50,
                                          100,
                                          200,
                                          500,
                                          1000,
                                          2000,
                                          5000,
                                          10000,
                                          20000,
                                          50000,
                                          100000,
                                          200000,
                                          500000,
                                          1000000,
                                          2000000);

bool has(const Record& record, std::uint32_t flag) {
  return (record.flags & flag) != 0;
}

void add_stamp(Histogram& histogram, std::int64_t nanos) {
  if (nanos >= 0) histogram.add(static_cast<std::uint64_t>(nanos));
}

void add_duration(Histogram& histogram, std::uint32_t nanos) {
  if (nanos != kNoDuration) histogram.add(nanos);
}

// From one phase to a later one, when both were reached.
void add_between(Histogram& histogram, std::int64_t from, std::int64_t to) {
  if (from >= 0 && to >= from) histogram.add(static_cast<std::uint64_t>(to - from));
}

std::string code_text(std::uint16_t status) {
  if (status == 0) return "none";
  return status >= 100 && status <= 599 ? std::to_string(status) : "other";
}

Outcome outcome_of_blame(const Record& record) {
  const auto blame = static_cast<base::Blame>(record.blame);
  if (blame != base::Blame::client && has(record, record_flag::kCommitted))
    return Outcome::truncated;
  return blame == base::Blame::upstream ? Outcome::upstream_error : Outcome::rejected;
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::client_cancel:
      return "client_cancel";
    case Outcome::upstream_error:
      return "upstream_error";
    case Outcome::deadline:
      return "deadline";
    case Outcome::stall:
      return "stall";
    case Outcome::truncated:
      return "truncated";
    case Outcome::rejected:
      return "rejected";
  }
  return "unknown";
}

Outcome outcome_of(const Record& record) {
  const auto error = static_cast<Errc>(record.error);
  switch (error) {
    case Errc::ok:
      if (has(record, record_flag::kClientClosed)) return Outcome::client_cancel;
      if (has(record, record_flag::kTruncated)) return Outcome::truncated;
      // A provider's refusal that was passed on is no success, though nothing broke.
      return record.status >= 400 ? Outcome::upstream_error : Outcome::ok;
    case Errc::client_closed:
    case Errc::client_stalled:
      return Outcome::client_cancel;
    case Errc::connect_timeout:
    case Errc::first_token_timeout:
    case Errc::total_timeout:
      return Outcome::deadline;
    case Errc::idle_timeout:
      return Outcome::stall;
    case Errc::upstream_truncated:
      return Outcome::truncated;
    default:
      return outcome_of_blame(record);
  }
}

void Aggregate::add(const Record& record, const Names& names) {
  if (record.version != kRecordVersion) return;
  if (record.kind == RecordKind::request) add_request(record, names);
  if (record.kind == RecordKind::attempt) add_attempt(record, names);
}

void Aggregate::add_request(const Record& record, const Names& names) {
  const NameId route = names.route(record.epoch, record.route);
  ++requests_[{route, record.status, outcome_of(record)}];
  auto& times = routes_[route];
  if (times == nullptr) times = std::make_unique<RouteTimes>();
  add_stamp(times->duration, record.settled_ns);
  add_stamp(times->ttfb, record.first_byte_sent_ns);
  add_stamp(times->ttft, record.first_useful_event_ns);
  add_duration(overhead_, record.overhead_ns);
  add_duration(cancel_, record.cancel_ns);
}

void Aggregate::add_attempt(const Record& record, const Names& names) {
  const NameId target = names.target(record.epoch, record.target);
  ++attempts_[{target, record.error}];
  const bool reused = has(record, record_flag::kReusedConnection);
  add_between(reused ? acquire_reused_ : acquire_new_, record.dispatched_ns, record.connected_ns);
  if (record.first_useful_event_ns < 0) return;
  auto& ttft = upstream_ttft_[target];
  if (ttft == nullptr) ttft = std::make_unique<Histogram>();
  add_between(*ttft, record.request_sent_ns, record.first_useful_event_ns);
}

void Aggregate::render(Exposition& out, const Names& names) const {
  out.family("headrace_requests_total", MetricType::counter, "Requests, by how they ended.");
  // Statuses without a label of their own share one, so they are summed before they are written.
  std::map<std::tuple<NameId, std::string, Outcome>, std::uint64_t> requests;
  for (const auto& [key, count] : requests_) {
    const auto& [route, status, outcome] = key;
    requests[{route, code_text(status), outcome}] += count;
  }
  for (const auto& [key, count] : requests) {
    const auto& [route, code, outcome] = key;
    Labels labels("route", names.text(route));
    out.sample(labels.add("code", code).add("outcome", name_of(outcome)), count);
  }

  render_route_times(out,
                     names,
                     "headrace_request_duration_seconds",
                     "From the first byte of a request to its end.",
                     &RouteTimes::duration);
  render_route_times(out,
                     names,
                     "headrace_ttfb_seconds",
                     "From the first byte of a request to the first byte of its answer.",
                     &RouteTimes::ttfb);
  render_route_times(out,
                     names,
                     "headrace_ttft_seconds",
                     "From the first byte of a request to the first useful event of its stream.",
                     &RouteTimes::ttft);

  out.family("headrace_overhead_seconds",
             MetricType::histogram,
             "What the gateway added: first byte read to last byte sent, minus upstream waiting.");
  out.histogram(Labels("phase", "request"), overhead_, kOverheadBounds);

  out.family("headrace_attempts_total", MetricType::counter, "Attempts, by what became of them.");
  std::map<std::pair<NameId, std::string_view>, std::uint64_t> attempts;
  for (const auto& [key, count] : attempts_) {
    attempts[{key.first, base::name_of(static_cast<Errc>(key.second))}] += count;
  }
  for (const auto& [key, count] : attempts) {
    Labels labels("target", names.text(key.first));
    out.sample(labels.add("result", key.second), count);
  }

  out.family("headrace_upstream_ttft_seconds",
             MetricType::histogram,
             "From a request sent to the first useful event of the answer.");
  for (const auto& [target, values] : upstream_ttft_) {
    out.histogram(Labels("target", names.text(target)), *values, kWaitBounds);
  }

  out.family("headrace_upstream_acquire_seconds",
             MetricType::histogram,
             "From asking for an upstream connection to having it.");
  out.histogram(Labels("reused", "false"), acquire_new_, kAcquireBounds);
  out.histogram(Labels("reused", "true"), acquire_reused_, kAcquireBounds);

  out.family("headrace_cancel_propagation_seconds",
             MetricType::histogram,
             "From seeing a client gone to its last attempt cancelled.");
  out.histogram({}, cancel_, kOverheadBounds);
}

void Aggregate::render_route_times(Exposition& out,
                                   const Names& names,
                                   std::string_view name,
                                   std::string_view help,
                                   Histogram RouteTimes::* member) const {
  out.family(name, MetricType::histogram, help);
  for (const auto& [route, times] : routes_) {
    out.histogram(Labels("route", names.text(route)), *times.*member, kWaitBounds);
  }
}

}  // namespace headrace::exporter
