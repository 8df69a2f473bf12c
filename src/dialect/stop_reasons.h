// Why answers end: the words of both dialects against one another. Constants, any thread.
#pragma once

#include "api/stream_filter.h"
#include "json/tape.h"

namespace headrace::dialect {

// From a provider's word; what nobody knows is a plain stop.
api::Finish finish_of_stop_reason(json::Value reason);
api::Finish finish_of_finish_reason(json::Value reason);

// Towards a client. REQUIRES: not Finish::none.
base::Bytes finish_reason_of(api::Finish finish);
base::Bytes stop_reason_of(api::Finish finish);

}  // namespace headrace::dialect
