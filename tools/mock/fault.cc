#include "fault.h"

#include <array>
#include <charconv>

#include "base/bytes.h"
#include "distribution.h"
#include "error.h"

namespace headrace::mock {
namespace {

using Action = Fault::Action;

enum class Takes : std::uint8_t { nothing, status, any_status, token, time, bytes, count };

struct ActionRow {
  std::string_view name;
  Action action;
  Takes takes;
  bool needs = true;  // the argument
};

constexpr std::array kActions = {
    ActionRow{"refuse", Action::refuse, Takes::nothing},
    ActionRow{"http", Action::http, Takes::status},
    ActionRow{"error", Action::http, Takes::status},
    ActionRow{"html", Action::html, Takes::any_status},
    ActionRow{"empty", Action::empty, Takes::nothing},
    ActionRow{"headers-then-silence", Action::headers_then_silence, Takes::nothing},
    ActionRow{"role-then-silence", Action::role_then_silence, Takes::nothing},
    ActionRow{"keepalive-only", Action::keepalive_only, Takes::time},
    ActionRow{"stall@tok", Action::stall, Takes::token},
    ActionRow{"reset@tok", Action::reset, Takes::token},
    ActionRow{"eof@tok", Action::eof, Takes::token},
    ActionRow{"eof@mid-event", Action::eof_mid_event, Takes::token, false},
    ActionRow{"error-event@tok", Action::error_event, Takes::token},
    ActionRow{"error-first", Action::error_first, Takes::nothing},
    ActionRow{"no-done", Action::no_done, Takes::nothing},
    ActionRow{"no-usage", Action::no_usage, Takes::nothing},
    ActionRow{"crlf", Action::crlf, Takes::nothing},
    ActionRow{"until-close", Action::until_close, Takes::nothing},
    ActionRow{"split", Action::split, Takes::bytes},
    ActionRow{"coalesce", Action::coalesce, Takes::count},
    ActionRow{"goaway", Action::goaway, Takes::nothing},
    ActionRow{"rst", Action::rst, Takes::nothing},
    ActionRow{"tls-slow", Action::tls_slow, Takes::time},
    ActionRow{"max-conn-age", Action::max_conn_age, Takes::time},
};

constexpr std::string_view kHelp =
    R"(faults (P%: action[,argument]; by model: "mock:action[,argument]")
  refuse                       reset the connection without a word
  http=STATUS[,...]            a status, told as the mock's        html=STATUS    as a proxy's page
  error=STATUS[,...]           as a provider tells it; error-STATUS too
                               [,code=CODE][,retry-after-ms=N][,retry-after=SECONDS]
  headers-then-silence         role-then-silence         keepalive-only=TIME
  stall@tok=N[,for=TIME]       reset@tok=N               eof@tok=N
  eof@mid-event[=N]            no-done                   no-usage
  error-event@tok=N[,status=STATUS][,code=CODE]          in a stream of status 200
  error-first[,status=STATUS][,code=CODE]                as its first event
  empty                        200 without a body        crlf
  until-close                  split=1B  bytes a write   coalesce=N  events a write
  goaway                       no more requests on this connection
  rst                          REFUSED_STREAM            of connections:
  tls-slow=TIME                before the handshake      max-conn-age=TIME)";

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

bool apply_value(Fault& fault, Takes takes, std::string_view value) {
  if (takes == Takes::nothing) return false;
  if (takes == Takes::time) {
    const auto time = parse_time(value);
    fault.time = time.value_or(0);
    return fault.time > 0;
  }
  if (takes == Takes::bytes && value.ends_with('B')) value.remove_suffix(1);
  const auto number = base::parse_decimal(value);
  if (!number || *number > 1'000'000) return false;
  if (takes == Takes::token) {
    fault.token = *number;
    return true;
  }
  if (takes == Takes::status || takes == Takes::any_status) {
    fault.status = static_cast<std::uint16_t>(*number);
    return *number >= (takes == Takes::status ? 300u : 200u) && *number <= 599;
  }
  fault.count = *number;
  return *number > 0;
}

// `code=insufficient_quota`, `status=429` of an error event.
bool apply_error_extra(Fault& fault, std::string_view name, std::string_view value) {
  const bool is_event = fault.action == Action::error_event || fault.action == Action::error_first;
  if (name == "status") return is_event && apply_value(fault, Takes::status, value);
  fault.code = known_error_code(value);
  return (is_event || fault.real) && !fault.code.empty();
}

// The arguments behind the first: `for=10s` of a stall, `retry-after-ms=250` of a status.
bool apply_extra(Fault& fault, std::string_view extra) {
  const std::string_view name = take_until(extra, '=');
  if (name == "for" && fault.action == Action::stall) return apply_value(fault, Takes::time, extra);
  if (name == "code" || name == "status") return apply_error_extra(fault, name, extra);
  const auto number = base::parse_decimal(extra);
  const bool in_ms = name == "retry-after-ms";
  if ((!in_ms && name != "retry-after") || fault.action != Action::http || !number) return false;
  (in_ms ? fault.retry_after_ms : fault.retry_after_s) = *number;
  return true;
}

// The status of `error-429`, which is `error=429`.
std::optional<std::string_view> status_of_error(std::string_view text) {
  constexpr std::string_view kPrefix = "error-";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  const std::string_view status = text.substr(kPrefix.size());
  return base::parse_decimal(status) ? std::optional(status) : std::nullopt;
}

}  // namespace

std::optional<Fault> parse_fault(std::string_view text) {
  std::string_view first = take_until(text, ',');
  bool has_value = first.find('=') != std::string_view::npos;
  std::string_view name = "error";
  if (const auto status = status_of_error(first)) {
    first = *status;
    has_value = true;
  } else {
    name = take_until(first, '=');
  }
  for (const ActionRow& row : kActions) {
    if (row.name != name) continue;
    Fault fault;
    fault.action = row.action;
    fault.real = name == "error";
    // Without a number the cut comes behind the first token, where nothing can be hidden any more.
    if (row.action == Action::eof_mid_event) fault.token = 1;
    if (has_value && !apply_value(fault, row.takes, first)) return std::nullopt;
    if (!has_value && row.takes != Takes::nothing && row.needs) return std::nullopt;
    while (!text.empty()) {
      if (!apply_extra(fault, base::trim_blanks(take_until(text, ',')))) return std::nullopt;
    }
    return fault;
  }
  return std::nullopt;
}

std::optional<FaultRule> parse_fault_rule(std::string_view text) {
  FaultRule rule;
  rule.text = text;
  const std::size_t percent = text.find('%');
  if (percent != std::string_view::npos) {
    const std::string_view number = base::trim_blanks(text.substr(0, percent));
    double share = 0;
    const auto result = std::from_chars(number.data(), number.data() + number.size(), share);
    if (result.ec != std::errc() || result.ptr != number.data() + number.size())
      return std::nullopt;
    if (!(share >= 0) || share > 100) return std::nullopt;
    rule.share = share / 100;
    text = base::trim_blanks(text.substr(percent + 1));
    if (!text.starts_with(':')) return std::nullopt;
    text.remove_prefix(1);
  }
  const auto fault = parse_fault(base::trim_blanks(text));
  if (!fault) return std::nullopt;
  rule.fault = *fault;
  return rule;
}

base::Nanos draw_connection_fault(const std::vector<FaultRule>& rules,
                                  Fault::Action action,
                                  base::Prng& random) {
  for (const FaultRule& rule : rules) {
    if (rule.fault.action == action && random.chance(rule.share)) return rule.fault.time;
  }
  return 0;
}

Fault draw_fault(const std::vector<FaultRule>& rules, base::Prng& random) {
  for (const FaultRule& rule : rules) {
    if (rule.fault.of_connection()) continue;
    if (random.chance(rule.share)) return rule.fault;
  }
  return {};
}

std::string_view fault_help() {
  return kHelp;
}

}  // namespace headrace::mock
