#include "exporter/outcome.h"

#include "base/error.h"
#include "dialect/provider_error.h"

namespace headrace::exporter {

namespace {

using base::Errc;
using dialect::ErrorClass;

bool has(const Record& record, std::uint32_t flag) {
  return (record.flags & flag) != 0;
}

Outcome outcome_of_blame(const Record& record) {
  const auto blame = static_cast<base::Blame>(record.blame);
  if (blame != base::Blame::client && has(record, record_flag::kCommitted))
    return Outcome::truncated;
  return blame == base::Blame::upstream ? Outcome::upstream_error : Outcome::rejected;
}

std::string_view name_of(ErrorClass which) {
  switch (which) {
    case ErrorClass::bad_request:
      return "bad_request";
    case ErrorClass::prompt_too_long:
      return "prompt_too_long";
    case ErrorClass::content_filter:
      return "content_filter";
    case ErrorClass::bad_credential:
      return "bad_credential";
    case ErrorClass::no_credit:
      return "no_credit";
    case ErrorClass::forbidden:
      return "forbidden";
    case ErrorClass::not_found:
      return "not_found";
    case ErrorClass::timed_out:
      return "timed_out";
    case ErrorClass::conflict:
      return "conflict";
    case ErrorClass::too_large:
      return "too_large";
    case ErrorClass::rate_limited:
      return "rate_limited";
    case ErrorClass::no_capacity:
      return "no_capacity";
    case ErrorClass::server_fault:
      return "server_fault";
    case ErrorClass::overloaded:
      return "overloaded";
  }
  return "unknown";
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

std::string_view blame_text(std::uint8_t blame) {
  switch (static_cast<base::Blame>(blame)) {
    case base::Blame::client:
      return "client";
    case base::Blame::upstream:
      return "upstream";
    case base::Blame::gateway:
      return "gateway";
  }
  return "unknown";
}

Cause Cause::of(const Record& record) {
  static_assert(static_cast<std::uint8_t>(base::kLastErrc) < kRefusals - 1);
  Cause cause;
  if (record.error > static_cast<std::uint8_t>(base::kLastErrc)) {
    cause.value_ = kRefusals - 1;  // a code that a newer writer may use
  } else {
    cause.value_ = record.error;
  }
  if (static_cast<Errc>(record.error) == Errc::upstream_status && record.upstream_status >= 400) {
    const dialect::ProviderError said = dialect::classify_error(record.upstream_status, {});
    cause.value_ = static_cast<std::uint8_t>(kRefusals + static_cast<std::uint8_t>(said.which));
  }
  return cause;
}

std::string_view Cause::text() const {
  if (is_refusal()) return name_of(static_cast<ErrorClass>(value_ - kRefusals));
  return base::name_of(static_cast<Errc>(value_));
}

}  // namespace headrace::exporter
