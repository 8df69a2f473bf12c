// The words of heads and local answers: what goes to a provider in front of a request, what goes
// back to a client beside an answer, errors and the model list. Pure: writes into the caller's span
// or a block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/uuid.h"
#include "config/snapshot.h"
#include "http/h1_writer.h"
#include "http/message.h"
#include "io/block_pool.h"

namespace headrace::proxy {

// The client's fields that a provider may see, as finished lines; an empty slice when there are
// none.
io::Slice keep_request_fields(const http::Fields& fields, base::Bytes text, io::BlockPool& blocks);

// Room for the longest head of a request to a provider: a key and the client's fields at their
// bounds, and the lines of our own.
inline constexpr std::size_t kRequestFieldsBytes = 2048;
inline constexpr std::size_t kRequestHeadBytes =
    base::limits::kApiKeyBytes + kRequestFieldsBytes + std::size_t{4096};

// The head of a request to a provider. `forwarded`: what keep_request_fields() kept. REQUIRES: room
// for kRequestHeadBytes.
base::Bytes write_request_head(std::span<char> out,
                               const config::Provider& provider,
                               base::Bytes upstream_path,
                               base::Bytes forwarded,
                               std::size_t body_bytes,
                               bool stream);

// What an answer says of itself.
struct AnswerFacts {
  const base::Uuid* id = nullptr;
  base::Bytes target;  // empty: no attempt was made
  std::uint8_t attempts = 0;
  bool reused = false;
  base::Nanos overhead = 0;
  base::Nanos upstream = 0;
};
void write_answer_facts(http::H1Writer& writer, const AnswerFacts& facts);

// The fields that belong to an error answer. `upstream_tried`: an SDK need not try again, we did.
base::Bytes write_error_fields(std::span<char> out,
                               base::Error error,
                               base::Bytes allow,
                               bool upstream_tried);

// GET /v1/models: the names that routes serve; with `id`, that one alone (an empty slice when no
// route serves it). Globs are not listed: they are no names.
io::Slice write_models(const config::Snapshot& snapshot, base::Bytes id, io::BlockPool& blocks);

}  // namespace headrace::proxy
