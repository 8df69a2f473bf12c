// The tools of a chat completions request, and which of them may be used, as a messages request has
// them. Used by the translation of requests only.
#pragma once

#include "dialect/translate.h"
#include "json/tape.h"

namespace headrace::dialect {

struct ToolFields {
  json::Value tools;
  json::Value choice;    // tool_choice
  json::Value parallel;  // parallel_tool_calls
};

// The model has to call a tool.
bool forces_tool(const ToolFields& fields);

// Both append whole members with their commas, or nothing.
base::Status write_anthropic_tools(const ToolFields& fields,
                                   RequestTranslation& translation,
                                   api::JsonBuilder& out);
void write_anthropic_tool_choice(const ToolFields& fields, api::JsonBuilder& out);

}  // namespace headrace::dialect
