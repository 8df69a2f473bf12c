// What went wrong, in 8 trivially copyable bytes: exactly what failover needs to decide. Strings
// are made from errors only at the edge (api/error_body, base/log).
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace headrace::base {

enum class Errc : std::uint8_t {
  ok,
  // -- the client's doing
  bad_request,         // not HTTP, or HTTP that RFC 9112 forbids
  bad_json,            // the body is not one valid JSON document
  bad_field,           // a field of the body has the wrong shape
  head_too_large,      // request head above limits (bytes or fields)
  uri_too_long,        // request target above limits
  body_too_large,      // request body above limits
  unsupported_coding,  // a transfer coding we do not speak
  unsupported_media,   // a compressed or non-JSON body
  misdirected,         // an absolute-form target that names another host
  method_not_allowed,  // the path exists, the method does not
  upgrade_refused,     // an Upgrade where none is offered
  no_such_path,        // nothing is served under this path
  no_such_model,       // no route for the model
  request_timeout,     // head or body came too slowly
  client_closed,       // the client went away
  client_stalled,      // the client stopped reading
  // -- the upstream's doing
  connect_failed,       // refused, unreachable, reset while connecting
  connect_timeout,      // no connection in time
  resolve_failed,       // the name has no address
  upstream_closed,      // the connection ended before the answer did
  upstream_reset,       // the connection was reset before the answer ended
  upstream_protocol,    // the answer is not HTTP as RFC 9112 has it
  upstream_redirect,    // a 3xx, which is never followed
  upstream_status,      // an error status from the provider
  upstream_truncated,   // a stream that ended well-formed but unfinished
  first_token_timeout,  // no useful event in time
  idle_timeout,         // silence in the middle of an answer
  total_timeout,        // the request's own deadline
  // -- ours
  overloaded,      // a bound of the gateway was reached
  draining,        // shutting down
  out_of_files,    // EMFILE or ENFILE
  io_failed,       // any other failure of the kernel interface
  config_invalid,  // a fault in the configuration
  internal,        // a fault of ours that did not deserve an abort
  // -- the client's key (numbers stay as they are, so what is new stands at the end)
  invalid_key,          // no key, or none that is good
  model_not_allowed,    // the key may not ask for the model
  requests_limited,     // the key's requests a minute are used up
  tokens_limited,       // the key's tokens a minute are used up
  concurrency_limited,  // the key has as many requests running as it may
  // -- later ones
  unsupported_endpoint,  // no target of the model's route serves the path
  // -- TLS, on either side
  tls_failed,     // no agreement, or what came is not TLS
  tls_untrusted,  // the peer's certificate is not good for what it was shown for; nothing was sent
  tls_truncated,  // the connection ended without TLS having said so: bytes may be missing
  // -- the way to a provider
  proxy_failed,  // the forward proxy did not let us through, or does not speak as one
};

inline constexpr Errc kLastErrc = Errc::proxy_failed;

enum class Blame : std::uint8_t { client, upstream, gateway };

// `same_target`: only a reused connection that died before any answer byte, or a request of which
// an HTTP/2 server says so (nothing was processed).
enum class Retry : std::uint8_t { never, same_target, next_target };

struct Error {
  Errc code = Errc::ok;
  Blame blame = Blame::gateway;
  Retry retry = Retry::never;
  std::int32_t os_errno = 0;

  friend bool operator==(const Error&, const Error&) = default;
};

static_assert(sizeof(Error) == 8);
static_assert(std::is_trivially_copyable_v<Error>);

// The code's name as it appears in logs, metrics and error bodies ("connect_timeout").
std::string_view name_of(Errc code);

inline Error client_error(Errc code) {
  return {code, Blame::client, Retry::never, 0};
}
inline Error upstream_error(Errc code, int os_errno = 0) {
  return {code, Blame::upstream, Retry::next_target, os_errno};
}
inline Error gateway_error(Errc code, int os_errno = 0) {
  return {code, Blame::gateway, Retry::never, os_errno};
}

}  // namespace headrace::base
