// One entry as one line of JSON, for the audit file and the request log: docs/audit-format.md.
// Absent values are left out, ids are written as their names, and every byte that a client or a
// provider chose is escaped. Allocates; the exporter's thread.
#pragma once

#include <string>

#include "exporter/sink.h"

namespace headrace::exporter {

// With its line end.
std::string line_of(const Entry& entry);

}  // namespace headrace::exporter
