// The conversation of a messages request as the `messages` of a chat completions request. One turn
// may become several messages: the results of tools one each, then what the user says. Used by the
// translation of requests only.
#pragma once

#include "dialect/translate.h"
#include "json/tape.h"

namespace headrace::dialect {

// Appends the elements of `messages`, the system prompt first.
base::Status write_openai_messages(json::Value system,
                                   json::Value messages,
                                   RequestTranslation& translation,
                                   api::JsonBuilder& out);

}  // namespace headrace::dialect
