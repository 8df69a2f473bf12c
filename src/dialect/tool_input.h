// Arguments of a tool call: OpenAI keeps them as a string, Anthropic as the object that the string
// holds. Pure, any thread.
#pragma once

#include "api/json_builder.h"
#include "json/tape.h"

namespace headrace::dialect {

// Appends the object that `arguments` holds, `{}` for nothing. False (and nothing appended) where
// it holds anything else.
bool write_tool_input(json::Value arguments, api::JsonBuilder& out);

}  // namespace headrace::dialect
