// OpenAI's stream of chunks as Anthropic's stream of a message. Deltas become blocks: a block opens
// with the first delta of its kind and closes where another kind begins. The end is told when the
// provider's stream ends, because usage comes behind the finish reason. One attempt, one thread;
// at most kCallsMax tool calls an answer.
#pragma once

#include <array>

#include "api/stream_filter.h"
#include "dialect/event_reader.h"
#include "dialect/usage.h"

namespace headrace::dialect {

class OpenaiToAnthropicStream final : public api::StreamFilter {
 public:
  static constexpr std::size_t kCallsMax = 128;  // OpenAI's bound of tools

  explicit OpenaiToAnthropicStream(io::BlockPool& pool) : reader_(pool) {}

  api::EventKind take(Bytes event, api::JsonBuilder& out) override;
  bool end(api::JsonBuilder& out) override;
  api::Usage usage() const override { return usage_; }

 private:
  enum class Open : std::uint8_t { none, text, thinking, tool };

  struct Call {
    std::uint64_t index = 0;  // the provider's
    std::uint64_t id = 0;     // hash of its id; 0: none was given
    std::uint32_t block = 0;
  };

  api::EventKind chunk(json::Value chunk, api::JsonBuilder& out);
  api::EventKind choice(json::Value choice, api::JsonBuilder& out);
  api::EventKind delta(json::Value delta, api::JsonBuilder& out);
  api::EventKind content(json::Value content, api::JsonBuilder& out);
  api::EventKind text(Bytes body, api::JsonBuilder& out);
  api::EventKind thinking(Bytes body, api::JsonBuilder& out);
  void signatures(json::Value blocks, api::JsonBuilder& out);
  api::EventKind calls(json::Value calls, api::JsonBuilder& out);
  bool call(json::Value value, api::JsonBuilder& out);
  Call* find_call(json::Value index, json::Value id, bool named);
  api::EventKind fail(api::JsonBuilder& out);
  void start(json::Value chunk, api::JsonBuilder& out);
  void open(Open kind, api::JsonBuilder& out);
  void close(api::JsonBuilder& out);
  void begin_delta(std::uint32_t block, Bytes type, api::JsonBuilder& out);
  void last_events(api::JsonBuilder& out);

  EventReader reader_;
  api::Usage usage_;
  std::array<Call, kCallsMax> calls_;
  std::size_t calls_count_ = 0;
  std::uint32_t blocks_ = 0;  // opened so far; the open one is the last
  Open open_ = Open::none;
  bool started_ = false;
  bool signed_ = false;  // the open thinking block has its signature
  bool refused_ = false;
};

}  // namespace headrace::dialect
