// What a peer made of a bare TlsEngine says.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/limits.h"
#include "net/tls_engine.h"

namespace headrace_test {

// In as many records as it takes. False: the engine failed.
inline bool write_text(headrace::net::TlsEngine& engine, std::string_view text) {
  headrace::io::SliceQueue queue;
  queue.push(headrace::io::Slice::borrowed(text));
  while (!queue.empty()) {
    if (!engine.write(queue, std::min(queue.bytes(), headrace::base::limits::kTlsRecordBytes)))
      return false;
  }
  return true;
}

}  // namespace headrace_test
