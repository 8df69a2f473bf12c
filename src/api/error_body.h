// The edge where errors become words: HTTP status, JSON body and terminal stream event, in the
// shape of the client's own API family. Until the path is known that is OpenAI's. Messages are
// plain sentences; nothing of the request is ever echoed except a model's name, escaped and cut.
// Writes into the caller's span, allocates nothing, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/error.h"

namespace headrace::api {

using base::Bytes;

// Whose shapes the client understands.
enum class Family : std::uint8_t { openai, anthropic };

// What an Error's 8 bytes cannot say. All of it is optional.
struct ErrorDetail {
  static constexpr std::uint32_t kNoOffset = UINT32_MAX;

  std::uint32_t offset = kNoOffset;   // bad_json: the byte at fault
  std::uint16_t upstream_status = 0;  // upstream_status: what the provider said
  Bytes param;                        // the field at fault; always a constant of ours
  Bytes model;                        // no_such_model: the name as the client sent it
  Bytes reason;  // one more sentence about the fault; always a constant of ours
};

// The form of a stream's last event.
enum class StreamForm : std::uint8_t { chat, messages, responses };

// What was seen of a stream of responses before it broke; its last event goes on from there.
// Unknown is fine: clients accept an empty id and sequence 0.
struct SeenResponse {
  Bytes id;  // left out when it is longer than kResponseIdBytes
  std::uint64_t next_sequence = 0;
};

inline constexpr std::size_t kErrorBodyBytes = 2048;  // room that every body and event fits into
inline constexpr std::size_t kModelEchoBytes = 128;   // of a model name, before escaping
inline constexpr std::size_t kResponseIdBytes = 96;   // of a provider's id, before escaping

// 499 for client_closed and client_stalled is for records only: nobody is there to read it.
// Anthropic's clients are told 500 and 529 where OpenAI's are told 502 and 503.
std::uint16_t http_status_of(base::Error error,
                             const ErrorDetail& detail = {},
                             Family family = Family::openai);

// A status of OpenAI's vocabulary in the words of `family`.
std::uint16_t status_towards(Family family, std::uint16_t status);

// Seconds for a Retry-After field, 0 for none: only faults that pass by themselves have one.
std::uint32_t retry_after_seconds_of(base::Error error);

// Both return what they wrote. REQUIRES: out.size() >= kErrorBodyBytes.
Bytes write_error_body(Family family,
                       base::Error error,
                       const ErrorDetail& detail,
                       std::span<char> out);

// The last event of a stream that broke: complete with its blank line; no end marker may follow it.
Bytes write_error_event(Family family,
                        base::Error error,
                        const ErrorDetail& detail,
                        std::span<char> out);

// `seen` is for StreamForm::responses, whose last event is response.failed: a client that waits for
// the final response gets one that failed.
Bytes write_error_event(StreamForm form,
                        base::Error error,
                        const ErrorDetail& detail,
                        std::span<char> out,
                        const SeenResponse& seen = {});

}  // namespace headrace::api
