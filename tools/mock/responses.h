// OpenAI's responses: items (reasoning with a summary, a message, function calls), each with its
// added, delta and done events, all numbered; the last event holds the whole response, and there is
// no [DONE]. One thread.
#pragma once

#include <string>
#include <string_view>

#include "texts.h"

namespace headrace::mock {

class ResponseTexts final : public Texts {
 public:
  explicit ResponseTexts(const Order& order) : Texts(order, "resp_") {}

  void begin(EventSink& sink) override;
  void piece(const Piece& piece, EventSink& sink) override;
  void end(EventSink& sink) override;
  std::string plain_body(const Whole& whole) const override;
  void error(const ErrorWords& words, EventSink& sink) override;

 private:
  enum class Open : std::uint8_t { none, thought, text, call };

  void open_item(Open kind, std::size_t call, EventSink& sink);
  void close_item(std::string_view status, EventSink& sink);
  void close_thought(EventSink& sink);
  void close_text(EventSink& sink);
  void close_call(EventSink& sink);

  // Items as JSON; what is in progress is told empty.
  std::string thought_item(std::string_view text, std::string_view status) const;
  std::string text_item(std::string_view text, std::string_view status) const;
  std::string call_item(std::size_t call,
                        std::string_view arguments,
                        std::string_view status) const;
  std::string open_item_as(std::string_view status) const;
  std::string response(std::string_view status,
                       std::string_view output,
                       std::string_view error) const;
  std::string_view status() const;
  std::string_view reason() const;

  // Begins an event; what follows is the rest of its fields, each with its comma, and send().
  void begin_event(std::string_view type);
  void begin_item_event(std::string_view type);  // of the open item
  void field(std::string_view name, std::string_view text);
  void send(EventSink& sink);
  void response_event(std::string_view type, std::string_view status, EventSink& sink);

  std::string line_;
  std::uint64_t number_ = 0;  // of the next event
  Whole whole_;               // so far
  std::string output_;        // finished items
  Open open_ = Open::none;
  std::size_t open_call_ = 0;
  std::string open_id_;
  std::size_t index_ = 0;  // of the open item, or the next one
};

}  // namespace headrace::mock
