// Who a request is for, as Host fields, absolute-form targets and :authority say it.
#pragma once

#include "base/bytes.h"

namespace headrace::http {

using base::Bytes;

// uri-host [ ":" port ], RFC 9110 section 7.2; nothing else, credentials least of all.
bool is_authority(Bytes text);

bool equal_without_case(Bytes one, Bytes other);

}  // namespace headrace::http
