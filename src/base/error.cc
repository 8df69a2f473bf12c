#include "base/error.h"

#include <cstddef>

namespace headrace::base {
namespace {

struct Row {
  Errc code;
  std::string_view name;
};

// In the order of the enumeration.
constexpr Row kRows[] = {
    {Errc::ok, "ok"},
    {Errc::bad_request, "bad_request"},
    {Errc::bad_json, "bad_json"},
    {Errc::bad_field, "bad_field"},
    {Errc::head_too_large, "head_too_large"},
    {Errc::uri_too_long, "uri_too_long"},
    {Errc::body_too_large, "body_too_large"},
    {Errc::unsupported_coding, "unsupported_coding"},
    {Errc::unsupported_media, "unsupported_media"},
    {Errc::misdirected, "misdirected"},
    {Errc::method_not_allowed, "method_not_allowed"},
    {Errc::upgrade_refused, "upgrade_refused"},
    {Errc::no_such_path, "no_such_path"},
    {Errc::no_such_model, "model_not_found"},
    {Errc::request_timeout, "request_timeout"},
    {Errc::client_closed, "client_closed"},
    {Errc::client_stalled, "client_stalled"},
    {Errc::connect_failed, "upstream_connect_failed"},
    {Errc::connect_timeout, "upstream_connect_timeout"},
    {Errc::resolve_failed, "upstream_resolve_failed"},
    {Errc::upstream_closed, "upstream_disconnected"},
    {Errc::upstream_reset, "upstream_reset"},
    {Errc::upstream_protocol, "upstream_protocol_error"},
    {Errc::upstream_redirect, "upstream_redirect"},
    {Errc::upstream_status, "upstream_status"},
    {Errc::upstream_truncated, "upstream_truncated"},
    {Errc::first_token_timeout, "first_token_timeout"},
    {Errc::idle_timeout, "upstream_idle_timeout"},
    {Errc::total_timeout, "deadline_exceeded"},
    {Errc::overloaded, "overloaded"},
    {Errc::draining, "draining"},
    {Errc::out_of_files, "out_of_files"},
    {Errc::io_failed, "io_failed"},
    {Errc::config_invalid, "config_invalid"},
    {Errc::internal, "internal_error"},
    {Errc::invalid_key, "invalid_api_key"},
    {Errc::model_not_allowed, "model_not_allowed"},
    {Errc::requests_limited, "requests_limit_exceeded"},
    {Errc::tokens_limited, "tokens_limit_exceeded"},
    {Errc::concurrency_limited, "concurrency_limit_exceeded"},
    {Errc::unsupported_endpoint, "unsupported_endpoint"},
    {Errc::tls_failed, "tls_failed"},
    {Errc::tls_untrusted, "tls_untrusted"},
    {Errc::tls_truncated, "tls_truncated"},
    {Errc::proxy_failed, "proxy_failed"},
};

constexpr bool is_complete() {
  std::size_t index = 0;
  for (const Row& row : kRows) {
    if (static_cast<std::size_t>(row.code) != index++) return false;
  }
  return index == static_cast<std::size_t>(kLastErrc) + 1;
}
static_assert(is_complete());

}  // namespace

std::string_view name_of(Errc code) {
  return code <= kLastErrc ? kRows[static_cast<std::size_t>(code)].name : "unknown";
}

}  // namespace headrace::base
