// JSON Schema as the two families want it. Anthropic's structured output refuses keywords that
// bound values and wants every object closed; OpenAI's `strict` is only true of a schema whose
// objects are closed and require all their properties. Pure functions, any thread.
#pragma once

#include "api/json_builder.h"
#include "json/tape.h"

namespace headrace::dialect {

// The schema without the keywords that structured output refuses, all objects closed.
void write_closed_schema(json::Value schema, api::JsonBuilder& out);

// Every object in it is closed and requires all of its properties.
bool is_strict_schema(json::Value schema);

}  // namespace headrace::dialect
