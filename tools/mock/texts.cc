#include "texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chat.h"
#include "completions.h"
#include "embeddings.h"
#include "json_text.h"
#include "messages.h"
#include "responses.h"

namespace headrace::mock {
namespace {

constexpr std::array<std::string_view, 32> kVocabulary = {
    " water", " wheel",  " the",   " a",      " runs",   " straight", " down",  " to",
    " mill",  " and",    " turns", " slow",   " fast",   " stone",    ",",      ".",
    " of",    " stream", " in",    " spring", " gate",   " opens",    " when",  " miller",
    " hears", " Mühle",  " 水",    " line\n", " \"so\"", " over",     " under", " again"};

}  // namespace

void Whole::add(const Piece& piece) {
  if (piece.kind == Piece::Kind::thought) {
    thought += piece.content;
  } else if (piece.kind == Piece::Kind::text) {
    text += piece.content;
  } else {
    if (arguments.size() <= piece.call) arguments.resize(piece.call + 1);
    arguments[piece.call] += piece.content;
  }
}

Texts::Texts(const Order& order, std::string_view id_prefix)
    : order_(order),
      id_(fmt::format("{}mock{:012x}", id_prefix, order.number)),
      model_(json_escaped(order.request.model)) {}

std::string Texts::request_id() const {
  return fmt::format("req_mock{:012x}", order_.number);
}

std::string Texts::part_id(std::string_view prefix, std::size_t part) const {
  return fmt::format("{}{:020x}{:04x}", prefix, order_.number, part);
}

void Texts::error(const ErrorWords& words, EventSink& sink) {
  sink.event("data: " + error_body(Family::openai, words, request_id()) + "\n\n");
}

Counts Texts::counts(std::uint64_t pieces) const {
  const Shape& shape = order_.shape;
  return {.input = shape.input != 0 ? shape.input : order_.request.prompt_tokens,
          .cached = shape.cached,
          .written = shape.written,
          .written_1h = shape.written_1h,
          .output = pieces + shape.reasoning,
          .reasoning = std::min(pieces, order_.plan.thoughts()) + shape.reasoning};
}

std::unique_ptr<Texts> make_texts(const Order& order) {
  switch (order.request.call) {
    case Call::chat:
      return std::make_unique<ChatTexts>(order);
    case Call::completions:
      return std::make_unique<CompletionTexts>(order);
    case Call::embeddings:
      return std::make_unique<EmbeddingTexts>(order);
    case Call::responses:
      return std::make_unique<ResponseTexts>(order);
    case Call::messages:
      return std::make_unique<MessageTexts>(order);
    case Call::count_tokens:
      return std::make_unique<TokenCountTexts>(order);
  }
  return nullptr;
}

std::string_view draw_word(base::Prng& random) {
  return kVocabulary[random.below(kVocabulary.size())];
}

}  // namespace headrace::mock
