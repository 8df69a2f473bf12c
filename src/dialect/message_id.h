// Identifiers in answers for Anthropic's clients. Bodies of JSON strings; pure, any thread.
#pragma once

#include "api/json_builder.h"

namespace headrace::dialect {

// `chatcmpl-X` becomes `msg_X`, anything else follows `msg_` as it is.
void write_message_id(base::Bytes body, api::JsonBuilder& out);

// A call's own id, or one made of its number: some servers send none.
void write_call_id(base::Bytes body, std::size_t number, api::JsonBuilder& out);

}  // namespace headrace::dialect
