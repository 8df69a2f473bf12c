// What a provider's failure means, whoever reports it and in whatever shape: an error status with
// a body, or an error object inside a stream of status 200. One table says what each class asks of
// the gateway and how it reads to a client; the shapes are those that providers have been seen to
// send (Anthropic's and OpenAI's objects, flat ones, strings, lists, plain text).
//
// Pure, any thread. Nothing is converted: the provider's own words are spans of its body.
#pragma once

#include <cstdint>

#include "api/error_body.h"
#include "api/json_builder.h"
#include "json/tape.h"

namespace headrace::dialect {

using base::Bytes;

enum class ErrorClass : std::uint8_t {
  bad_request,      // 400, 422: straight back
  prompt_too_long,  // 400: another model may have a larger window
  content_filter,   // 400: the provider will not read this
  bad_credential,   // 401: of ours, never the client's
  no_credit,        // 402, insufficient_quota: for minutes, not seconds
  forbidden,        // 403: this credential and this model
  not_found,        // 404: likewise
  timed_out,        // 408, 504
  conflict,         // 409
  too_large,        // 413: straight back
  rate_limited,     // 429
  no_capacity,      // 498
  server_fault,     // 500, 502, and what nobody has a name for
  overloaded,       // 503, 529
};

// What is to be done about it.
enum class Remedy : std::uint8_t {
  give_back,        // the client's own fault: its answer
  larger_window,    // fails over to a model with a larger window only
  next_credential,  // the credential is broken
  next_pair,        // this credential does not reach this model
  wait_long,        // the credential is out for minutes
  wait,             // honour retry-after, or another target
  retry,            // passes by itself
};

struct ErrorRow {
  std::uint16_t status;  // towards OpenAI's clients; api/ knows what Anthropic's are told
  Remedy remedy;
  Bytes type;  // OpenAI's word
  Bytes code;  // empty: the provider's own, or null
  Bytes anthropic_type;
};

const ErrorRow& row_of(ErrorClass which);

struct ProviderError {
  ErrorClass which = ErrorClass::server_fault;
  Bytes message;         // body of a JSON string, or plain text
  bool is_json = false;  // of the message
  Bytes code;            // the provider's own code, body of a JSON string; often empty
};

// `status`: the answer's, 0 for an object inside a stream (then its own words decide). `body`: the
// root of what was sent; absent where it is not JSON, and `text` (its first bytes) is the message.
ProviderError classify_error(std::uint16_t status, json::Value body, Bytes text = {});

// The error as a body for the client. The message is the provider's, except where it is about a
// credential: that is nobody's business.
void write_provider_error(api::Family family, const ProviderError& error, api::JsonBuilder& out);
// The same as the last event of a stream.
void write_provider_error_event(api::Family family,
                                const ProviderError& error,
                                api::JsonBuilder& out);

}  // namespace headrace::dialect
