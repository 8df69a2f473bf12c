// Cheap looks at complete events, for what is asked of every one of a stream: no parse, no copy.
// A classifier decides about the few that they point out. Stateless, any thread.
#pragma once

#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

// Up to, and without, the first line end; all of a text that has none.
Bytes first_line(Bytes text);

// What stands behind the first `data:`, up to its line's end; data() is null where there is no such
// line. Only one data line is looked at: providers put a whole object on one.
Bytes first_data(Bytes event);

// `data: [DONE]`, whatever lines a provider puts in front of it.
bool is_end_marker(Bytes event);

// False where no provider of a documented shape can mean a failure: there is no `event: error` line
// in front of the data or at the event's end, and nowhere the word "error" in quotes of its own as
// a value or as the key of anything but null. Inside strings such quotes stand behind backslashes.
// A finish reason of other words is for the scan that looks for ends.
bool may_report_error(Bytes event);

}  // namespace headrace::dialect
