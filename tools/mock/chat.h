// Chat completions: OpenAI's, and as its many imitators vary them (visible thinking as
// `reasoning_content`, usage in other places). Every field a strict client checks is there. Writing
// a token allocates nothing once the line has its size. One thread.
#pragma once

#include <string>
#include <string_view>

#include "texts.h"

namespace headrace::mock {

class ChatTexts final : public Texts {
 public:
  explicit ChatTexts(const Order& order);

  void begin(EventSink& sink) override;
  void piece(const Piece& piece, EventSink& sink) override;
  void end(EventSink& sink) override;
  std::string plain_body(const Whole& whole) const override;

 private:
  enum class UsageOf : std::uint8_t { content, finish, last };

  void delta(std::string_view name, std::string_view content, EventSink& sink);
  void call_begin(std::size_t call, EventSink& sink);
  void call_arguments(const Piece& piece, EventSink& sink);
  std::string calls(const Whole& whole) const;
  std::string_view finish_reason() const;

  void open_line();
  void close_line(UsageOf place, EventSink& sink);

  std::string start_;  // of every chunk, up to `"choices":`
  std::string line_;   // the event being written
  std::uint64_t sent_ = 0;
  std::size_t calls_begun_ = 0;
};

}  // namespace headrace::mock
