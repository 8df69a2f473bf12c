// What a connection of a provider is like, and does of its own accord.
#include <algorithm>
#include <array>

#include "h2_provider.h"

namespace headrace::sim {

using base::kMillisecond;
using base::Nanos;

namespace {

Nanos up_to(base::Prng& dice, Nanos most) {
  return static_cast<Nanos>(dice.below(static_cast<std::uint64_t>(most) + 1));
}

}  // namespace

H2Manners H2Manners::draw(base::Prng& dice) {
  H2Manners manners;
  const std::uint64_t streams = dice.below(6);
  if (streams < 2) manners.terms.streams = static_cast<std::uint32_t>(dice.between(1, 4));
  if (streams == 2) manners.terms.streams = 100;
  manners.window_step = h2::kWindow;
  const std::uint64_t windows = dice.below(8);
  if (windows == 0) manners.terms.window = 0;
  if (windows == 1) manners.terms.window = static_cast<std::uint32_t>(dice.between(1, 2000));
  if (windows == 2) manners.terms.window = 1u << 20;
  if (windows < 2) manners.window_step = static_cast<std::uint32_t>(dice.between(500, 50'000));
  if (windows == 0 && dice.chance(0.1)) manners.window_step = 0;
  if (dice.chance(0.3)) manners.returns_after = up_to(dice, 5 * kMillisecond);
  if (dice.chance(0.2)) manners.terms.table = dice.chance(0.5) ? 0 : 200;
  if (dice.chance(0.2)) manners.greets_after = up_to(dice, 20 * kMillisecond);
  manners.answers_pings = dice.chance(0.9);
  if (dice.chance(0.2)) manners.pings = 0.2;
  if (dice.chance(0.2)) manners.chatter = 0.2;
  if (dice.chance(0.2)) manners.new_terms = 0.3;
  if (dice.chance(0.3)) manners.goaways = 0.2;
  if (dice.chance(0.3)) manners.ends = 0.2;
  if (dice.chance(0.07)) manners.dies_at = dice.between(1, 4);
  return manners;
}

void H2ProviderPeer::chatter() {
  switch (dice_.below(4)) {
    case 0:
      return put(h2::frame(0xb7, 0x55, dice_.chance(0.5) ? 0 : 1, "unheard of"));
    case 1:
      return put(h2::frame(h2::kPriority, 0, 1, std::string_view("\0\0\0\0\x10", 5)));
    case 2:
      return put(h2::frame(0xa, 0, 0, std::string_view("\0\x05other", 7)));  // ALTSVC
    default:
      return text_.say_settings(manners_.terms);
  }
}

void H2ProviderPeer::behind_answer() {
  if (!talks()) return;
  if (dice_.chance(manners_.new_terms)) {
    if (dice_.chance(0.5))
      manners_.terms.streams = static_cast<std::uint32_t>(dice_.between(1, 10));
    if (dice_.chance(0.5)) manners_.terms.window = static_cast<std::uint32_t>(dice_.below(100'000));
    text_.say_settings(manners_.terms);
  }
  if (dice_.chance(manners_.goaways)) {
    say_goaway(dice_.chance(0.7) ? h2::kNoError : h2::kEnhanceYourCalm);
  } else if (dice_.chance(manners_.ends)) {
    ends_at_next_ = true;
  }
  maybe_rest();
}

// Those whose answer has begun go on. Sometimes it is announced before, as servers do that are
// polite.
void H2ProviderPeer::say_goaway(std::uint32_t code) {
  if (!talks() || goaway_at_ != 0) return;
  if (dice_.chance(0.3)) text_.goaway(h2::kMostStream, h2::kNoError);
  std::uint32_t last = dice_.chance(0.5) ? 0 : text_.last_stream();
  for (const auto& [id, live] : lives_) {
    if (live.played != 0) last = std::max(last, id);
  }
  text_.goaway(last, code);
  goaway_last_ = last;
  ++provider_.refusals;  // of what was about to be asked
  goaway_at_ = sent();
  for (auto& [id, live] : lives_) {
    if (id <= last || live.played != 0) continue;
    live.done = true;
    ++provider_.refusals;
    if (live.serving == nullptr) continue;
    live.serving->refused = true;
    live.serving->verdict_at = goaway_at_;
  }
  for (auto& [id, stream] : text_.streams()) {
    if (id > last) stream.reset_by_us = true;  // nothing is said of it any more
  }
}

// Behind GOAWAY the connection ends with its last answer.
void H2ProviderPeer::maybe_rest() {
  if (goaway_at_ == 0 || !talks()) return;
  const bool running = std::any_of(lives_.begin(), lives_.end(), [](const auto& entry) {
    return !entry.second.done && !entry.second.text->over();
  });
  if (!running) end(false);
}

// What no server may say: the gateway has to end the connection.
void H2ProviderPeer::say_breach() {
  const std::array<std::string, 7> breaches = {
      h2::frame(h2::kData, 0, 0, "of no stream"),
      h2::frame(h2::kWindowUpdate, 0, 0, h2::number(0)),
      h2::frame(h2::kSettings, 0, 0, "odd"),
      h2::frame(h2::kHeaders, h2::kEndHeaders, 2, "\x88"),
      h2::frame(h2::kContinuation, h2::kEndHeaders, 1, "\x88"),
      h2::frame(h2::kPing, 0, 0, "short"),
      h2::frame(h2::kData, 0, 1, std::string(h2::kFrameMost + 1, 'x'))};
  put(breaches[dice_.below(breaches.size())]);
  in_breach_ = true;
  ++provider_.breaches;
}

void H2ProviderPeer::end(bool by_reset) {
  ended_by_script_ = true;
  ++provider_.ends;
  if (by_reset) {
    reset();
  } else {
    close();
  }
}

// A PING that was read was answered in the turn that read it.
void H2ProviderPeer::check_end(Verdict& verdict) const {
  for (const Ping& ping : pings_) {
    const std::uint64_t read = turn_read(ping.sent_at);
    if (read == 0 || ping.answered_at == 0) continue;
    const std::uint64_t answered = turn_offered(ping.answered_at);
    if (answered != read && !worker_busy(read))
      verdict.fail("a PING came in turn %llu and was answered in %llu",
                   static_cast<unsigned long long>(read),
                   static_cast<unsigned long long>(answered));
  }
}

}  // namespace headrace::sim
