// Answers over HTTP/2: the same words in other frames, and what can go wrong with those.
#include <algorithm>
#include <array>

#include "answer_plan.h"

namespace headrace::sim {
namespace {

using base::Prng;

// One head per blank line; the last one's is not written yet.
std::vector<FieldTexts> fields_of(const std::string& text) {
  std::vector<FieldTexts> heads;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find("\r\n", begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 2;
    if (line.empty()) continue;
    if (line.starts_with("HTTP/1.1 ")) {
      heads.push_back({{":status", line.substr(9, 3)}});
    } else {
      const std::size_t colon = line.find(": ");
      heads.back().emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  return heads;
}

// What makes a message malformed (RFC 9113 section 8.1.1).
void spoil_head(Prng& dice, AnswerPlan& plan) {
  FieldTexts& head = plan.heads.back();
  plan.broken_http = true;
  if (plan.fault == Fault::switching) {
    head.front().second = "101";
    return;
  }
  constexpr auto kBad = std::to_array<std::array<const char*, 2>>({{"X-Upper", "1"},
                                                                   {"connection", "close"},
                                                                   {"transfer-encoding", "chunked"},
                                                                   {":status", "200"},
                                                                   {"content-length", "+5"},
                                                                   {"bad name", "1"}});
  const std::uint64_t which = dice.below(kBad.size() + 2);
  if (which < kBad.size()) {
    head.emplace_back(kBad[which][0], kBad[which][1]);
  } else if (which == kBad.size()) {
    head.erase(head.begin());
  } else {
    head.front().second = "20";
  }
}

}  // namespace

void put_h2_answer(Prng& dice, AnswerPlan& plan) {
  plan.heads = fields_of(plan.wire);
  if (plan.fault == Fault::switching || plan.fault == Fault::bad_head) spoil_head(dice, plan);
  if (plan.fault == Fault::two_framings) {
    plan.broken_http = true;
    plan.heads.back().emplace_back("content-length",
                                   std::to_string(plan.payload.size() + 1 + dice.below(9)));
  } else if (dice.chance(plan.stream ? 0.1 : 0.5)) {
    plan.heads.back().emplace_back("content-length", std::to_string(plan.payload.size()));
  }
  plan.wire.assign(plan.heads.size(), 'h');
  if (!plan.payload.empty()) plan.spans.push_back({plan.wire.size(), 0, plan.payload.size()});
  plan.wire += plan.payload + '.';
  plan.complete_at = plan.wire.size();
  if (dice.chance(0.1)) plan.head_piece = 1 + dice.below(40);
  plan.frame_bytes = dice.chance(0.3) ? 1 + dice.below(40) : 1 + dice.below(20'000);
  if (plan.payload.size() > 50'000)
    plan.frame_bytes = std::max<std::uint64_t>(plan.frame_bytes, 500);
  if (dice.chance(0.15)) plan.padding = 1 + dice.below(40);
  plan.ends_with_data = dice.chance(0.5);
  plan.trailers = !plan.ends_with_data && dice.chance(0.2);
}

// REQUIRES: choose_end() has chosen for those that are not of HTTP/2.
void choose_h2_end(Prng& dice, AnswerPlan& plan) {
  constexpr auto kCodes = std::to_array<std::uint32_t>({h2::kNoError,
                                                        h2::kProtocolError,
                                                        h2::kInternalError,
                                                        h2::kFlowControlError,
                                                        h2::kStreamClosed,
                                                        h2::kRefusedStream,
                                                        h2::kCancel,
                                                        h2::kEnhanceYourCalm,
                                                        13});
  switch (plan.fault) {
    case Fault::refused:
      plan.cut = 0;
      plan.ending = Ending::stream_reset;
      plan.reset_code = h2::kRefusedStream;
      return;
    case Fault::stream_reset:
      plan.cut = dice.chance(0.2) ? plan.wire.size() : dice.below(plan.wire.size() + 1);
      plan.ending = Ending::stream_reset;
      plan.reset_code = kCodes[dice.below(kCodes.size())];
      return;
    case Fault::goaway:
      plan.cut = dice.chance(0.3) ? 0 : dice.below(plan.wire.size() + 1);
      plan.ending = Ending::goaway;
      return;
    case Fault::bad_chunk:
      plan.cut = dice.below(plan.wire.size() + 1);
      plan.ending = Ending::breach;
      plan.broken_http = plan.cut < plan.wire.size();
      return;
    case Fault::early:  // whole, and the rest of the request is not wanted
      plan.ending = dice.chance(0.5) ? Ending::stream_reset : Ending::keep;
      plan.reset_code = h2::kNoError;
      return;
    default:
      return;
  }
}

}  // namespace headrace::sim
