// What the gateway must know of a chat request: which model, whether to stream, and where in the
// body the bytes lie that may have to change. The body itself is never rebuilt: it goes out as it
// came, edited by spans. All views and offsets point into the body (or the caller's scratch) and
// live as long as it does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "api/error_body.h"
#include "base/bytes.h"
#include "base/result.h"
#include "json/scan.h"

namespace headrace::api {

inline constexpr std::size_t kModelScratchBytes = 512;  // more than any configured model name has

struct ChatRequest {
  // The model's name, unescaped. One that is longer than the scratch, or holds a lone surrogate,
  // stays as it was written: it is no configured name anyway.
  Bytes model;
  bool stream = false;
  bool wants_usage = false;  // stream_options.include_usage
  // The longest answer it asks for, under whichever name; 0: it names none.
  std::uint64_t max_tokens = 0;

  // Places in the body, for edits. model_value is always there.
  json::FoundValue model_value;
  json::FoundValue stream_value;
  json::FoundValue stream_options;  // an object or null, where present
  json::FoundValue include_usage;   // inside stream_options
  json::FoundValue headrace;        // our own extension object
  // What no provider may see: our object, and the spellings in which clients get its name wrong.
  std::array<json::FoundValue, 3> extensions;
  std::uint32_t members_begin =
      0;  // just behind the body's `{`: `"key":value,` may be inserted here
  std::uint32_t option_members_begin = 0;  // the same inside stream_options, when that is an object
  bool options_empty = false;  // stream_options is `{}`: no comma behind what is inserted
};

// Checks the whole body and reads it. On failure (bad_json, bad_field) `detail` says where and why.
// `scratch` holds an unescaped model name: kModelScratchBytes suffice.
base::Result<ChatRequest> parse_chat_request(Bytes body,
                                             std::span<char> scratch,
                                             ErrorDetail& detail);

}  // namespace headrace::api
