// Completions, the API before chat: text and nothing else. One thread.
#pragma once

#include <string>
#include <string_view>

#include "texts.h"

namespace headrace::mock {

class CompletionTexts final : public Texts {
 public:
  explicit CompletionTexts(const Order& order) : Texts(order, "cmpl-") {}

  void begin(EventSink& sink) override;
  void piece(const Piece& piece, EventSink& sink) override;
  void end(EventSink& sink) override;
  std::string plain_body(const Whole& whole) const override;

 private:
  std::string object(std::string_view choices, std::string_view usage) const;
  std::string choice(std::string_view text, std::string_view finish_reason) const;
  std::string_view finish_reason() const;
  // As a field of its own, or nothing.
  std::string usage_field(bool told) const;

  std::uint64_t sent_ = 0;
};

}  // namespace headrace::mock
