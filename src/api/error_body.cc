#include "api/error_body.h"

#include "base/assert.h"
#include "json/text.h"
#include "json/write.h"

namespace headrace::api {
namespace {

using base::Errc;

struct Words {
  std::uint16_t status;
  Bytes message;
};

// Status 0 where the code is not of that group.
Words words_about_client(Errc code) {
  switch (code) {
    case Errc::bad_request:
      return {400, "The request is not valid HTTP/1.1."};
    case Errc::bad_json:
      return {400, "The request body is not a valid JSON object."};
    case Errc::bad_field:
      return {400, "A field of the request body is missing or has the wrong type."};
    case Errc::head_too_large:
      return {431, "The request head is too large."};
    case Errc::uri_too_long:
      return {414, "The request target is too long."};
    case Errc::body_too_large:
      return {413, "The request body is too large."};
    case Errc::unsupported_coding:
      return {501, "The transfer coding is not supported; send a Content-Length or chunked."};
    case Errc::unsupported_media:
      return {415, "The request body must be uncompressed application/json."};
    case Errc::misdirected:
      return {421, "This server does not answer for that host."};
    case Errc::method_not_allowed:
      return {405, "This method is not allowed here."};
    case Errc::upgrade_refused:
      return {426, "No upgrade of the connection is offered here."};
    case Errc::no_such_path:
      return {404, "Nothing is served under this path."};
    case Errc::no_such_model:
      return {404, "The model does not exist or no route serves it."};
    case Errc::unsupported_endpoint:
      return {404, "No target of the model serves this endpoint."};
    case Errc::invalid_key:
      return {401, "The request has no valid API key."};
    case Errc::model_not_allowed:
      return {403, "This API key may not use the model."};
    case Errc::requests_limited:
      return {429, "This API key has used up its requests of the minute."};
    case Errc::tokens_limited:
      return {429, "This API key has used up its tokens of the minute."};
    case Errc::concurrency_limited:
      return {429, "This API key has as many requests running as it may."};
    case Errc::request_timeout:
      return {408, "The request arrived too slowly."};
    case Errc::client_closed:
      return {499, "The client closed the connection."};
    case Errc::client_stalled:
      return {499, "The client stopped reading the answer."};
    default:
      return {0, {}};
  }
}

Words words_about_provider_and_us(Errc code) {
  switch (code) {
    case Errc::connect_failed:
      return {502, "The provider refused the connection."};
    case Errc::connect_timeout:
      return {504, "The provider did not accept a connection in time."};
    case Errc::resolve_failed:
      return {502, "The provider's address could not be found."};
    case Errc::upstream_closed:
      return {502, "The provider closed the connection before its answer was complete."};
    case Errc::upstream_reset:
      return {502, "The provider reset the connection before its answer was complete."};
    case Errc::upstream_protocol:
      return {502, "The provider's answer is not valid HTTP."};
    case Errc::upstream_redirect:
      return {502, "The provider answered with a redirect, which is not followed."};
    case Errc::upstream_status:
      return {502, "The provider answered with an error."};
    case Errc::upstream_truncated:
      return {502, "The provider's stream ended before it was finished."};
    case Errc::first_token_timeout:
      return {504, "The provider sent no first token in time."};
    case Errc::idle_timeout:
      return {504, "The provider fell silent in the middle of its answer."};
    case Errc::total_timeout:
      return {504, "The request's deadline has passed."};
    case Errc::tls_failed:
      return {502, "No TLS connection to the provider could be made."};
    case Errc::tls_untrusted:
      return {502, "The provider's certificate is not to be trusted; nothing was sent to it."};
    case Errc::tls_truncated:
      return {502,
              "The provider's connection ended without TLS having ended; bytes may be missing."};
    case Errc::proxy_failed:
      return {502, "The proxy on the way to the provider did not let the gateway through."};
    case Errc::overloaded:
      return {503, "The gateway is at one of its limits; try again soon."};
    case Errc::draining:
      return {503, "The gateway is shutting down; try again."};
    case Errc::out_of_files:
      return {503, "The gateway is out of file descriptors; try again soon."};
    case Errc::io_failed:
      return {500, "The gateway failed to read or write."};
    case Errc::config_invalid:
      return {500, "The gateway's configuration has a fault."};
    default:
      return {500, "The gateway failed."};
  }
}

Words words_of(Errc code) {
  const Words words = words_about_client(code);
  return words.status != 0 ? words : words_about_provider_and_us(code);
}

// What a client is told about a provider's error status. The provider's refusal of our key is our
// fault towards the client; odd statuses take the nearest canonical one.
std::uint16_t status_for_upstream(std::uint16_t status) {
  switch (status) {
    case 400:
    case 404:
    case 409:
    case 413:
    case 429:
    case 500:
    case 503:
    case 504:
      return status;
    case 422:
      return 400;
    case 408:  // the provider's time ran out, not the client's
      return 504;
    case 402:
    case 498:
      return 429;
    case 529:
      return 503;
    default:
      return 502;
  }
}

bool is_upstream_auth(Errc code, const ErrorDetail& detail) {
  return code == Errc::upstream_status &&
         (detail.upstream_status == 401 || detail.upstream_status == 403);
}

Bytes openai_type_of(std::uint16_t status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 || status == 408 ? "server_error" : "invalid_request_error";
}

Bytes anthropic_type_of(std::uint16_t status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 408:
    case 504:
      return "timeout_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 529:
      return "overloaded_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

// In a stream every way to lose the provider has one code: to the client they are the same event.
// Which one it was stands in the message.
bool lost_upstream(Errc code) {
  return code == Errc::upstream_closed || code == Errc::upstream_reset ||
         code == Errc::upstream_protocol || code == Errc::upstream_truncated ||
         code == Errc::idle_timeout || code == Errc::tls_failed || code == Errc::tls_truncated;
}

bool is_rate_limit(Errc code) {
  return code == Errc::requests_limited || code == Errc::tokens_limited ||
         code == Errc::concurrency_limited;
}

Bytes code_of(Errc code, const ErrorDetail& detail, bool in_stream) {
  // Clients know one code for all of them; which one it was stands in the message and the fields.
  if (is_rate_limit(code)) return "rate_limit_exceeded";
  if (in_stream && lost_upstream(code)) return base::name_of(Errc::upstream_closed);
  if (code == Errc::no_such_path) return "unsupported_endpoint";
  if (is_upstream_auth(code, detail)) return "upstream_authentication";
  if (code == Errc::upstream_status) {
    const std::uint16_t status = status_for_upstream(detail.upstream_status);
    if (detail.upstream_status == 402) return "insufficient_quota";
    if (detail.upstream_status == 498) return "capacity_exceeded";
    if (detail.upstream_status == 529) return "overloaded";
    if (status == 429) return "rate_limit_exceeded";
    if (status == 413) return "request_too_large";
  }
  return base::name_of(code);
}

// At most kModelEchoBytes of the name, cut between characters.
Bytes cut_model(Bytes model) {
  std::size_t size = 0;
  while (size < model.size()) {
    const std::size_t next = json::utf8_size(model.substr(size));
    const std::size_t step = next == 0 ? 1 : next;
    if (size + step > kModelEchoBytes) break;
    size += step;
  }
  return model.substr(0, size);
}

void write_message(json::Writer& out, Errc code, const ErrorDetail& detail) {
  out.begin_string();
  if (code == Errc::no_such_model && detail.model.data() != nullptr) {
    const Bytes shown = cut_model(detail.model);
    out.append("The model '");
    out.append(shown);
    if (shown.size() < detail.model.size()) out.append("...");
    out.append("' does not exist or no route serves it.");
  } else {
    out.append(words_of(code).message);
  }
  if (code == Errc::upstream_status && detail.upstream_status != 0) {
    out.append(" Its status was ");
    out.append(std::uint64_t{detail.upstream_status});
    out.append(".");
  }
  if (!detail.reason.empty()) {
    out.append(" ");
    out.append(detail.reason);
  }
  if (detail.offset != ErrorDetail::kNoOffset) {
    out.append(" The fault is at byte ");
    out.append(std::uint64_t{detail.offset});
    out.append(".");
  }
  out.end_string();
}

void write_param(json::Writer& out, Errc code, const ErrorDetail& detail) {
  if (!detail.param.empty()) {
    out.string(detail.param);
  } else if (code == Errc::no_such_model || code == Errc::model_not_allowed) {
    out.string("model");
  } else {
    out.null();
  }
}

void write_openai(json::Writer& out, base::Error error, const ErrorDetail& detail, bool in_stream) {
  const std::uint16_t status = http_status_of(error, detail, Family::openai);
  out.begin_object();
  out.key("error");
  out.begin_object();
  out.key("message");
  write_message(out, error.code, detail);
  out.key("type");
  out.string(openai_type_of(status));
  out.key("param");
  write_param(out, error.code, detail);
  out.key("code");
  out.string(code_of(error.code, detail, in_stream));
  if (in_stream) {
    out.key("status");
    out.number(status);
  }
  out.end_object();
  out.end_object();
}

void write_anthropic(json::Writer& out, base::Error error, const ErrorDetail& detail) {
  out.begin_object();
  out.key("type");
  out.string("error");
  out.key("error");
  out.begin_object();
  out.key("type");
  out.string(anthropic_type_of(http_status_of(error, detail, Family::anthropic)));
  out.key("message");
  write_message(out, error.code, detail);
  // Anthropic's clients that want the provider to keep their conversation understand this one
  // refusal: they go on by sending the whole of it with every turn.
  if (error.code == Errc::bad_field && detail.param == "thread") {
    out.key("details");
    out.begin_object();
    out.key("error_code");
    out.string("thread_unsupported_request");
    out.end_object();
  }
  out.end_object();
  out.end_object();
}

// The members that strict clients require of a response stand in it as of one that never began. Of
// the codes that they know two can be ours; the message says the rest.
void write_failed_response(json::Writer& out,
                           base::Error error,
                           const ErrorDetail& detail,
                           const SeenResponse& seen) {
  const std::uint16_t status = http_status_of(error, detail, Family::openai);
  out.begin_object();
  out.key("type");
  out.string("response.failed");
  out.key("sequence_number");
  out.number(seen.next_sequence);
  out.key("response");
  out.begin_object();
  out.key("id");
  out.string(seen.id.size() <= kResponseIdBytes ? seen.id : Bytes{});
  out.raw(R"(,"object":"response","created_at":0,"status":"failed")");
  out.key("error");
  out.begin_object();
  out.key("code");
  out.string(status == 429 ? "rate_limit_exceeded" : "server_error");
  out.key("message");
  write_message(out, error.code, detail);
  out.end_object();
  out.raw(R"(,"incomplete_details":null,"instructions":null,"metadata":null,"model":"","output":[])"
          R"(,"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[])"
          R"(,"top_p":null,"usage":null)");
  out.end_object();
  out.end_object();
}

}  // namespace

std::uint16_t http_status_of(base::Error error, const ErrorDetail& detail, Family family) {
  const std::uint16_t status = error.code == Errc::upstream_status
                                   ? status_for_upstream(detail.upstream_status)
                                   : words_of(error.code).status;
  return status_towards(family, status);
}

std::uint16_t status_towards(Family family, std::uint16_t status) {
  if (family == Family::openai) return status;
  // Anthropic's own vocabulary has neither 502 nor 503.
  if (status == 502) return 500;
  return status == 503 ? 529 : status;
}

std::uint32_t retry_after_seconds_of(base::Error error) {
  switch (error.code) {
    case Errc::overloaded:
    case Errc::draining:
    case Errc::out_of_files:
      return 1;
    default:
      return 0;
  }
}

Bytes write_error_body(Family family,
                       base::Error error,
                       const ErrorDetail& detail,
                       std::span<char> out) {
  HEADRACE_ASSERT(out.size() >= kErrorBodyBytes);
  json::Writer writer(out);
  if (family == Family::anthropic) {
    write_anthropic(writer, error, detail);
  } else {
    write_openai(writer, error, detail, false);
  }
  HEADRACE_ASSERT(writer.ok());
  return writer.written();
}

Bytes write_error_event(Family family,
                        base::Error error,
                        const ErrorDetail& detail,
                        std::span<char> out) {
  const bool is_openai = family == Family::openai;
  return write_error_event(is_openai ? StreamForm::chat : StreamForm::messages, error, detail, out);
}

Bytes write_error_event(StreamForm form,
                        base::Error error,
                        const ErrorDetail& detail,
                        std::span<char> out,
                        const SeenResponse& seen) {
  HEADRACE_ASSERT(out.size() >= kErrorBodyBytes);
  json::Writer writer(out);
  switch (form) {
    case StreamForm::chat:
      writer.raw("data: ");
      write_openai(writer, error, detail, true);
      break;
    case StreamForm::messages:
      writer.raw("event: error\ndata: ");
      write_anthropic(writer, error, detail);
      break;
    case StreamForm::responses:
      writer.raw("event: response.failed\ndata: ");
      write_failed_response(writer, error, detail, seen);
      break;
  }
  writer.raw("\n\n");
  HEADRACE_ASSERT(writer.ok());
  return writer.written();
}

}  // namespace headrace::api
