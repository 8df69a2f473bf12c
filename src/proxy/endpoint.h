// The paths that clients may ask for, in one table: what each means, with which method, and in
// whose words its clients speak.
#pragma once

#include <cstdint>

#include "api/error_body.h"
#include "base/bytes.h"
#include "base/error.h"
#include "dialect/dialect.h"

namespace headrace::proxy {

enum class Endpoint : std::uint8_t {
  chat_completions,
  completions,
  embeddings,
  responses,
  messages,
  count_tokens,
  models,
  model,
  prewarm
};

struct EndpointMatch {
  Endpoint endpoint = Endpoint::chat_completions;
  dialect::Call call = dialect::Call::chat;  // not of those that are local
  api::Family family = api::Family::openai;
  base::Errc refusal = base::Errc::ok;  // no_such_path, method_not_allowed
  base::Bytes path;                     // of the table
  base::Bytes allow;                    // the Allow field that a 405 owes
  base::Bytes rest;                     // Endpoint::model: the model's id

  bool is_local() const { return endpoint >= Endpoint::models; }
};

EndpointMatch match_endpoint(base::Bytes method, base::Bytes path);

// Whether a provider of that dialect can answer: it has the call, or the call can be translated.
bool can_serve(const dialect::Dialect& provider, const EndpointMatch& endpoint);
bool is_translated(const dialect::Dialect& provider, const EndpointMatch& endpoint);

}  // namespace headrace::proxy
