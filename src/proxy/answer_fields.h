// What passes from the head of a provider's answer to the client (design.md, names on the wire):
// nothing else does. For a client of the other family the rate-limit fields take its names. Kept as
// finished lines, because the head's bytes make room for ours soon.
#pragma once

#include <cstdint>

#include "api/error_body.h"
#include "http/message.h"
#include "io/block_pool.h"

namespace headrace::proxy {

struct AnswerFieldRules {
  api::Family provider = api::Family::openai;
  bool translated = false;   // for a client of the other family
  bool key_limited = false;  // the client's key has limits of its own: the provider's are not its
                             // business
};

// `wall_seconds`: now, since 1970.
io::Slice keep_answer_fields(const http::Fields& fields,
                             base::Bytes text,
                             const AnswerFieldRules& rules,
                             std::int64_t wall_seconds,
                             io::BlockPool& blocks);

}  // namespace headrace::proxy
