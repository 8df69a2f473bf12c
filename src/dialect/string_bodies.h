// Looks into the bodies of JSON strings as they are written, escapes and all: enough of addresses,
// data URLs and white space to translate them without unescaping megabytes. Pure, any thread.
#pragma once

#include "base/bytes.h"

namespace headrace::dialect {

using base::Bytes;

struct DataUrl {
  Bytes media_type;
  Bytes data;
};

// `data:<type>;base64,<data>`. Slashes may be escaped, which is legal in the parts as well.
bool read_data_url(Bytes body, DataUrl& url);

bool is_https(Bytes body);
bool is_pdf(Bytes media_type);

// Without white space at its end, spelled as escapes or not.
Bytes without_trailing_blanks(Bytes body);

}  // namespace headrace::dialect
