// The paths that clients may ask for, in one table: what each means, with which method, and what it
// is called below a provider's base URL.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"

namespace headrace::proxy {

enum class Endpoint : std::uint8_t { chat_completions, completions, embeddings, models, model };

struct EndpointMatch {
  Endpoint endpoint = Endpoint::chat_completions;
  base::Errc refusal = base::Errc::ok;  // no_such_path, method_not_allowed
  base::Bytes allow;                    // the Allow field that a 405 owes
  base::Bytes upstream_path;            // below the provider's base path
  base::Bytes rest;                     // Endpoint::model: the model's id
};

EndpointMatch match_endpoint(base::Bytes method, base::Bytes path);

}  // namespace headrace::proxy
