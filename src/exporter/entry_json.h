// One entry as one line of JSON, for the audit file and the request log: docs/audit-format.md.
// Absent values are left out, ids are written as their names, and every byte that a client or a
// provider chose is escaped. The exporter's thread.
#pragma once

#include <string>

#include "exporter/json_text.h"
#include "exporter/sink.h"

namespace headrace::exporter {

// Appends the line with its end to `lines`. `out` is scratch that keeps its room: with one that
// has been used before nothing is allocated, unless a line is longer than any before it.
void append_line(const Entry& entry, JsonText& out, std::string& lines);
std::string line_of(const Entry& entry);

}  // namespace headrace::exporter
