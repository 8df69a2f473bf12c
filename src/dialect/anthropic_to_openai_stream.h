// Anthropic's stream of a message as OpenAI's stream of chunks. Blocks become deltas: text, visible
// thinking, signatures, tool calls counted from 0. What OpenAI's clients have no place for (tools
// that the server ran, citations, pings) is left out. One attempt, one thread; its state is a few
// hundred bytes and the blocks that are kept for reading.
#pragma once

#include <array>

#include "api/stream_filter.h"
#include "dialect/event_reader.h"
#include "dialect/short_text.h"
#include "dialect/usage.h"

namespace headrace::dialect {

class AnthropicToOpenaiStream final : public api::StreamFilter {
 public:
  struct Options {
    std::int64_t created = 0;  // seconds since 1970; every chunk carries it
    bool wants_usage = false;  // the client asked for a last chunk with usage
  };

  AnthropicToOpenaiStream(io::BlockPool& pool, const Options& options)
      : options_(options), reader_(pool) {}

  api::EventKind take(Bytes event, api::JsonBuilder& out) override;
  bool end(api::JsonBuilder& out) override;
  api::Usage usage() const override { return counts_.disjoint(); }

 private:
  enum class Block : std::uint8_t { other, text, thinking, tool };

  api::EventKind dispatch(json::Value event, api::JsonBuilder& out);
  api::EventKind message_start(json::Value message, api::JsonBuilder& out);
  api::EventKind block_start(json::Value block, api::JsonBuilder& out);
  api::EventKind block_delta(json::Value delta, api::JsonBuilder& out);
  api::EventKind block_stop(api::JsonBuilder& out);
  api::EventKind message_delta(json::Value event, json::Value delta, api::JsonBuilder& out);
  api::EventKind fail(api::JsonBuilder& out);
  api::EventKind text_delta(Bytes name, Bytes body, api::EventKind kind, api::JsonBuilder& out);
  void thinking_block(Bytes type, Bytes name, Bytes body, api::JsonBuilder& out);
  void tool_start(json::Value block, api::JsonBuilder& out);
  void begin_arguments(api::JsonBuilder& out);
  void end_arguments(api::JsonBuilder& out);
  void begin_object(api::JsonBuilder& out);
  void begin_chunk(api::JsonBuilder& out);
  void end_chunk(api::JsonBuilder& out);
  void last_events(api::JsonBuilder& out);

  Options options_;
  EventReader reader_;
  ShortText<128> id_;
  ShortText<256> model_;
  AnthropicCounts counts_;
  Block open_ = Block::other;
  bool started_ = false;
  bool has_arguments_ = false;  // of the open tool block
  std::uint32_t tools_ = 0;
  std::uint32_t block_index_ = 0;
};

}  // namespace headrace::dialect
