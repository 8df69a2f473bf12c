#include "plan.h"

#include <algorithm>

namespace headrace::mock {
namespace {

constexpr std::uint64_t kThoughtsOfTheMock = 4;

bool can_think_and_call(Call call) {
  return call == Call::chat || call == Call::responses || call == Call::messages;
}

// Moves a cut out of the middle of a character.
std::size_t character_begin(std::string_view text, std::size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

std::uint64_t pieces_of(std::string_view arguments, const Shape& shape) {
  constexpr std::uint64_t kBytesEach = 8;
  const std::uint64_t wanted =
      shape.pieces != 0 ? shape.pieces : std::min<std::uint64_t>(arguments.size() / kBytesEach, 16);
  return std::clamp<std::uint64_t>(wanted, 1, arguments.size());
}

}  // namespace

Plan::Plan(const CallRequest& request, const Shape& shape, std::uint64_t drawn) {
  if (can_think_and_call(request.call)) {
    thoughts_ = shape.thoughts;
    if (thoughts_ == 0 && request.wants_thinking) thoughts_ = kThoughtsOfTheMock;
    plan_calls(request, shape);
  }
  const bool has_body_only = request.call == Call::embeddings || request.call == Call::count_tokens;
  if (has_body_only) {
    texts_ = 1;
  } else if (calls_.empty() || shape.text) {
    texts_ = shape.tokens != 0 ? shape.tokens : drawn;
  }
  pieces_ = thoughts_ + texts_ + arguments_.size();
  if (!calls_.empty()) end_ = End::calls;
  if (request.max_tokens != 0 && request.max_tokens < pieces_) {
    pieces_ = request.max_tokens;
    end_ = End::length;
  }
  if (shape.finish == Shape::Finish::length) end_ = End::length;
  if (shape.finish == Shape::Finish::filter) end_ = End::filter;
}

void Plan::plan_calls(const CallRequest& request, const Shape& shape) {
  const std::vector<ToolOffer>& offers = request.tools.offers;
  const bool wanted = shape.calls != 0 || request.tools.must_call;
  if (offers.empty() || !wanted || request.has_tool_results) return;
  const std::uint64_t count = request.tools.one_only ? 1 : std::max<std::uint64_t>(shape.calls, 1);
  calls_.reserve(count);  // arguments_ points into it
  for (std::uint64_t i = 0; i < count; ++i) calls_.push_back(offers[i % offers.size()]);
  for (std::size_t call = 0; call < calls_.size(); ++call) {
    const std::string_view text = calls_[call].arguments;
    const std::uint64_t pieces = pieces_of(text, shape);
    for (std::uint64_t i = 0; i < pieces; ++i) {
      const std::size_t begin = character_begin(text, text.size() * i / pieces);
      const std::size_t end = character_begin(text, text.size() * (i + 1) / pieces);
      arguments_.push_back(text.substr(begin, end - begin));
      argument_calls_.push_back(call);
    }
  }
}

Piece Plan::piece(std::uint64_t number) const {
  if (number < thoughts_) return {Piece::Kind::thought, 0, {}};
  if (number < thoughts_ + texts_) return {Piece::Kind::text, 0, {}};
  const std::size_t at = number - thoughts_ - texts_;
  return {Piece::Kind::arguments, argument_calls_[at], arguments_[at]};
}

}  // namespace headrace::mock
