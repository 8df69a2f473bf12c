// What providers report of tokens, read from their usage objects and written for clients of the
// other dialect. Streams are scanned without touching them: a look that costs next to nothing at
// every event, and a parse of the few that carry usage. Any thread, no memory beyond what is
// passed in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/error_body.h"
#include "api/json_builder.h"
#include "api/usage.h"
#include "json/tape.h"

namespace headrace::dialect {

using base::Bytes;

// OpenAI and those who count like it: parts are included in their wholes. The variations of
// compatible providers (flat fields, exclusive reasoning, other names) are evened out.
api::Usage read_openai_usage(json::Value value);

// Anthropic's counters. A stream repeats some of them, corrected: each that is given replaces the
// last word on itself.
struct AnthropicCounts {
  std::uint32_t input = kNoTokens;
  std::uint32_t cache_read = kNoTokens;
  std::uint32_t cache_written = kNoTokens;  // in all
  std::uint32_t written_5m = kNoTokens;
  std::uint32_t written_1h = kNoTokens;
  std::uint32_t output = kNoTokens;
  std::uint32_t thinking = kNoTokens;  // within output
  api::Usage served;                   // no counts: the tier only

  void read(json::Value usage);
  api::Usage disjoint() const;
};

inline constexpr std::size_t kUsageNodes = 192;  // of a usage object on a tape: it has some forty

// What a usage object of a provider of that family says; nothing where it is none.
api::Usage read_usage(api::Family provider, json::Value usage);

// Usage so far of one answer that passes in its provider's own dialect.
struct UsageScan {
  AnthropicCounts counts;  // Anthropic's streams report in pieces
  api::Usage usage;
};

// False when `event` certainly has no `usage` that is an object, in any dialect. A search, not a
// parse: every event of a stream goes through it.
bool may_carry_usage(Bytes event);

// One complete event, or the body of a plain answer (`scratch` is not used then). True when it
// brought usage. `scratch` must hold event.size() bytes.
using ScanUsage = bool (*)(Bytes event, char* scratch, UsageScan& scan);
bool scan_chat_event(Bytes event, char* scratch, UsageScan& scan);
bool scan_chat_answer(Bytes body, char* scratch, UsageScan& scan);
bool scan_message_event(Bytes event, char* scratch, UsageScan& scan);
bool scan_message_answer(Bytes body, char* scratch, UsageScan& scan);
bool scan_response_event(Bytes event, char* scratch, UsageScan& scan);
bool scan_response_answer(Bytes body, char* scratch, UsageScan& scan);

// The usage objects of the two dialects, braces included.
void write_openai_usage(const api::Usage& usage, api::JsonBuilder& out);
void write_anthropic_usage(const api::Usage& usage, api::JsonBuilder& out);

}  // namespace headrace::dialect
