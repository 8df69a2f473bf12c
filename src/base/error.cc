#include "base/error.h"

namespace headrace::base {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::ok:
      return "ok";
    case Errc::bad_request:
      return "bad_request";
    case Errc::bad_json:
      return "bad_json";
    case Errc::bad_field:
      return "bad_field";
    case Errc::head_too_large:
      return "head_too_large";
    case Errc::uri_too_long:
      return "uri_too_long";
    case Errc::body_too_large:
      return "body_too_large";
    case Errc::unsupported_coding:
      return "unsupported_coding";
    case Errc::unsupported_media:
      return "unsupported_media";
    case Errc::misdirected:
      return "misdirected";
    case Errc::method_not_allowed:
      return "method_not_allowed";
    case Errc::upgrade_refused:
      return "upgrade_refused";
    case Errc::no_such_path:
      return "no_such_path";
    case Errc::no_such_model:
      return "model_not_found";
    case Errc::request_timeout:
      return "request_timeout";
    case Errc::client_closed:
      return "client_closed";
    case Errc::client_stalled:
      return "client_stalled";
    case Errc::connect_failed:
      return "upstream_connect_failed";
    case Errc::connect_timeout:
      return "upstream_connect_timeout";
    case Errc::resolve_failed:
      return "upstream_resolve_failed";
    case Errc::upstream_closed:
      return "upstream_disconnected";
    case Errc::upstream_reset:
      return "upstream_reset";
    case Errc::upstream_protocol:
      return "upstream_protocol_error";
    case Errc::upstream_redirect:
      return "upstream_redirect";
    case Errc::upstream_status:
      return "upstream_status";
    case Errc::upstream_truncated:
      return "upstream_truncated";
    case Errc::first_token_timeout:
      return "first_token_timeout";
    case Errc::idle_timeout:
      return "upstream_idle_timeout";
    case Errc::total_timeout:
      return "deadline_exceeded";
    case Errc::overloaded:
      return "overloaded";
    case Errc::draining:
      return "draining";
    case Errc::out_of_files:
      return "out_of_files";
    case Errc::io_failed:
      return "io_failed";
    case Errc::config_invalid:
      return "config_invalid";
    case Errc::internal:
      return "internal_error";
    case Errc::invalid_key:
      return "invalid_api_key";
    case Errc::model_not_allowed:
      return "model_not_allowed";
    case Errc::requests_limited:
      return "requests_limit_exceeded";
    case Errc::tokens_limited:
      return "tokens_limit_exceeded";
    case Errc::concurrency_limited:
      return "concurrency_limit_exceeded";
    case Errc::unsupported_endpoint:
      return "unsupported_endpoint";
  }
  return "unknown";
}

}  // namespace headrace::base
