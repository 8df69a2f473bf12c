// One scalar of the configuration: from its text into the field that its row of the table names,
// with the row's bounds. Start-up and reload only.
#pragma once

#include <string>

#include "config/schema.h"

namespace headrace::config {

// Returns nothing when the value is good and stored, else what is wrong with it and what to write
// instead, as the end of a sentence that begins with the value ("has no unit; write \"25s\"").
// Never quotes it.
std::string assign(const Key& key, const std::string& text, Place& at);

}  // namespace headrace::config
