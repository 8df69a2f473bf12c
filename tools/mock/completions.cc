#include "completions.h"

#include <fmt/format.h>

#include "json_text.h"

namespace headrace::mock {

// The first chunk is the first text: there is no role.
void CompletionTexts::begin(EventSink&) {}

void CompletionTexts::piece(const Piece& piece, EventSink& sink) {
  ++sent_;
  const bool told = shape().usage == Shape::Usage::every;
  sink.event("data: " + object("[" + choice(piece.content, "null") + "]", usage_field(told)) +
             "\n\n");
}

void CompletionTexts::end(EventSink& sink) {
  const Shape::Usage usage = shape().usage;
  const bool told = usage == Shape::Usage::every || usage == Shape::Usage::last;
  sink.event("data: " + object("[" + choice("", finish_reason()) + "]", usage_field(told)) +
             "\n\n");
  if (request().include_usage && usage != Shape::Usage::none && usage != Shape::Usage::last) {
    sink.event("data: " + object("[]", usage_field(true)) + "\n\n");
  }
  sink.event("data: [DONE]\n\n");
}

std::string CompletionTexts::plain_body(const Whole& whole) const {
  std::string usage;
  if (shape().usage != Shape::Usage::none) {
    usage = R"(,"usage":)" + completion_usage(counts(plan().pieces()));
  }
  return object("[" + choice(whole.text, finish_reason()) + "]", usage);
}

std::string CompletionTexts::object(std::string_view choices, std::string_view usage) const {
  return fmt::format(
      R"({{"id":"{}","object":"text_completion","created":{},"model":"{}","choices":{}{}}})",
      id(),
      order().created,
      model(),
      choices,
      usage);
}

std::string CompletionTexts::choice(std::string_view text, std::string_view finish_reason) const {
  return fmt::format(R"({{"text":"{}","index":0,"logprobs":null,"finish_reason":{}}})",
                     json_escaped(text),
                     finish_reason);
}

std::string_view CompletionTexts::finish_reason() const {
  if (plan().end() == Plan::End::length) return "\"length\"";
  return plan().end() == Plan::End::filter ? "\"content_filter\"" : "\"stop\"";
}

std::string CompletionTexts::usage_field(bool told) const {
  if (told) return R"(,"usage":)" + completion_usage(counts(sent_));
  const bool asked = request().include_usage && shape().usage == Shape::Usage::normal;
  return asked ? R"(,"usage":null)" : "";
}

}  // namespace headrace::mock
