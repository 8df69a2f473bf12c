// What a chat request of the provider's own dialect needs before it goes out: the target's model,
// a usage report at the end of a stream, and none of our own extension members. Everything else
// stays where it lies, byte for byte: spacing and order matter to providers' prompt caches.
#pragma once

#include <cstddef>

#include "api/chat_request.h"
#include "base/limits.h"
#include "json/edit.h"

namespace headrace::api {

struct ChatEdits {
  Bytes model;                // sent instead of the client's; empty: as it came
  bool reports_usage = true;  // false: the provider does not know stream_options.include_usage
};

// Room for a configured model name as a JSON string, every byte of it escaped.
inline constexpr std::size_t kChatEditScratchBytes = 6 * base::limits::kModelNameBytes + 2;

// Adds the edits to `list`, which is empty and has kChatEditScratchBytes of scratch. `request` was
// read from `body`. The usage report is asked for only of streams; whether the client wanted it,
// and so must see it, is request.wants_usage.
void edit_chat_request(Bytes body,
                       const ChatRequest& request,
                       const ChatEdits& wanted,
                       json::EditList& list);

}  // namespace headrace::api
