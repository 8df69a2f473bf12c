// Anthropic's messages: blocks of thinking (signed), text and tool_use, each with its start, deltas
// and stop, a ping behind the first start, JSON padded with blanks as the real service pads it. One
// thread.
#pragma once

#include <string>
#include <string_view>

#include "texts.h"

namespace headrace::mock {

class MessageTexts final : public Texts {
 public:
  explicit MessageTexts(const Order& order) : Texts(order, "msg_") {}

  void begin(EventSink& sink) override;
  void piece(const Piece& piece, EventSink& sink) override;
  void end(EventSink& sink) override;
  std::string plain_body(const Whole& whole) const override;

  void keep_alive(EventSink& sink) override;
  void error(const ErrorWords& words, EventSink& sink) override;

 private:
  enum class Open : std::uint8_t { none, thought, text, call };

  void open_block(Open kind, std::size_t call, EventSink& sink);
  void open_for(const Piece& piece, EventSink& sink);
  void close_block(EventSink& sink);
  void redacted_block(EventSink& sink);
  void delta(std::string_view type,
             std::string_view name,
             std::string_view content,
             EventSink& sink);

  std::string call_block(std::size_t call, std::string_view input) const;
  std::string message(std::string_view content, bool finished, std::uint64_t pieces) const;
  std::string signature() const;
  std::string_view stop_reason() const;

  // An event of `data` without its last brace.
  void event(std::string_view type, EventSink& sink);

  std::string data_;  // of the event being written
  std::string line_;
  Open open_ = Open::none;
  std::size_t open_call_ = 0;
  std::size_t index_ = 0;  // of the open block, or the next one
  std::uint64_t sent_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace headrace::mock
