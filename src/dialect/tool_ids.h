// Identifiers of tool calls that one provider made and another one would refuse. A conversation may
// change its provider between turns, so ids travel. An id that fits is left alone; another is
// replaced by one that depends on nothing but the request, in the call and in its result alike, so
// that a repeated prefix stays the same prefix for the provider's cache.
//
// Anthropic wants [a-zA-Z0-9_-]+: other characters become `_`, or the whole id a digest where that
// would make two ids one. OpenAI wants at most 40 characters: longer ids become a digest. One
// request, one thread; the table of ids is only built when an id does not fit.
#pragma once

#include <cstdint>

#include "api/json_builder.h"
#include "json/tape.h"

namespace headrace::dialect {

using base::Bytes;

// 24 characters of [0-9A-Za-z] that stand for `id`, the same every time. Not a cryptographic
// digest: who makes ids collide confuses nobody but himself.
void write_id_digest(Bytes id, api::JsonBuilder& out);

// Towards OpenAI: the body of a JSON string.
void write_openai_tool_id(json::Value id, api::JsonBuilder& out);

// Towards Anthropic. `messages`: those of the OpenAI request, where all its ids are found.
class AnthropicToolIds {
 public:
  AnthropicToolIds(io::BlockPool& pool, json::Value messages) : pool_(pool), messages_(messages) {}

  void write(json::Value id, api::JsonBuilder& out);

 private:
  struct Entry {
    std::uint64_t cleaned = 0;  // hash of the id with `_`; 0: a free place
    std::uint64_t written = 0;  // hash of the id as it stands
    std::uint64_t shared = 0;   // not 0: two ids are the same when cleaned
  };

  void build();
  void note(json::Value id);
  Entry& place_of(std::uint64_t cleaned);

  io::BlockPool& pool_;
  json::Value messages_;
  io::Slice block_;
  Entry* entries_ = nullptr;
  std::uint64_t mask_ = 0;
};

}  // namespace headrace::dialect
