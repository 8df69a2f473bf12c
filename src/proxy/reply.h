// The words of heads and local answers: what goes to a provider in front of a request, what goes
// back to a client beside an answer, errors and the model list. Pure: writes into the caller's span
// or a block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "api/error_body.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/uuid.h"
#include "config/snapshot.h"
#include "dialect/dialect.h"
#include "http/h1_writer.h"
#include "http/message.h"
#include "io/block_pool.h"
#include "policy/admission.h"

namespace headrace::proxy {

// The client's fields that a provider of the same family may see, as finished lines; an empty slice
// when there are none.
io::Slice keep_request_fields(api::Family family,
                              const http::Fields& fields,
                              base::Bytes text,
                              io::BlockPool& blocks);

// Room for the longest head of a request to a provider: a key and the client's fields at their
// bounds, and the lines of our own.
inline constexpr std::size_t kRequestFieldsBytes = 2048;
inline constexpr std::size_t kRequestHeadBytes =
    base::limits::kApiKeyBytes + kRequestFieldsBytes + std::size_t{4096};

// The head of a request to a provider.
struct RequestFacts {
  const config::Provider* provider = nullptr;
  const dialect::Dialect* dialect = nullptr;  // the provider's
  base::Bytes path;                           // below the provider's base path
  base::Bytes key;                            // empty: none is shown
  base::Bytes forwarded;                      // what keep_request_fields() kept
  base::Bytes trace;  // a finished field line; empty: the provider is told none
  std::size_t body_bytes = 0;
  bool stream = false;
};
// REQUIRES: room for kRequestHeadBytes.
base::Bytes write_request_head(std::span<char> out, const RequestFacts& facts);

// What an answer says of itself.
struct AnswerFacts {
  const base::Uuid* id = nullptr;
  base::Bytes target;  // empty: no attempt was made
  std::uint8_t attempts = 0;
  bool reused = false;
  base::Nanos overhead = 0;
  base::Nanos upstream = 0;
  bool final_failure = false;  // an SDK need not try again, we did
};
void write_answer_facts(http::H1Writer& writer, const AnswerFacts& facts);

// The fields that belong to an error answer.
base::Bytes write_error_fields(std::span<char> out, base::Error error, base::Bytes allow);

// Room for all fields of an answer.
inline constexpr std::size_t kAnswerFieldsBytes = 3584;

// GET /v1/models in the words of `family`: the names that routes serve and the caller may use; with
// `id`, that one alone (an empty slice when there is none). Globs are not listed: they are no
// names.
io::Slice write_models(const config::Snapshot& snapshot,
                       const policy::Caller& caller,
                       api::Family family,
                       base::Bytes id,
                       io::BlockPool& blocks);

}  // namespace headrace::proxy
