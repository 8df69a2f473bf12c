// The conversation of a chat completions request as the `system` and `messages` of a messages
// request. System and developer messages are hoisted; what belongs to one turn becomes one message,
// the results of tools first, as Anthropic wants them. Used by the translation of requests only.
#pragma once

#include "dialect/translate.h"
#include "json/tape.h"

namespace headrace::dialect {

// Appends the content blocks of all system and developer messages (comma set between them).
base::Status write_system_blocks(json::Value messages,
                                 RequestTranslation& translation,
                                 api::JsonBuilder& out);

// Appends the elements of `messages`.
base::Status write_anthropic_messages(json::Value messages,
                                      RequestTranslation& translation,
                                      api::JsonBuilder& out);

// True where the conversation ends in results of a tool call that was made without a signed
// thought: a model that is asked to think would refuse it.
bool continues_without_thought(json::Value messages);

}  // namespace headrace::dialect
