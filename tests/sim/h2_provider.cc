// h2_provider.cc – requests and their answers; what a connection does beside: h2_manners.cc.
#include "h2_provider.h"

#include <algorithm>
#include <array>

namespace headrace::sim {

namespace {

const char* name_of(std::uint64_t type) {
  constexpr std::array<const char*, 10> kNames = {"says DATA",
                                                  "says HEADERS",
                                                  "says PRIORITY",
                                                  "says RST_STREAM",
                                                  "says SETTINGS",
                                                  "says PUSH_PROMISE",
                                                  "says PING",
                                                  "says GOAWAY",
                                                  "says WINDOW_UPDATE",
                                                  "says CONTINUATION"};
  return type < kNames.size() ? kNames[type] : "says what?";
}

}  // namespace

H2ProviderPeer::H2ProviderPeer(SimNet& net, Provider& provider)
    : ProviderConn(net),
      provider_(provider),
      dice_(provider.dice()),
      manners_(provider.plan().calm ? H2Manners{} : H2Manners::draw(provider.dice())) {
  mute_ = !manners_.answers_pings;
  if (mute_) ++provider_.mutes;
}

void H2ProviderPeer::on_connected() {
  if (manners_.greets_after == 0) return text_.say_settings(manners_.terms);
  set_reading(false);
  net().after(manners_.greets_after, [this] {
    if (!talks()) return;
    text_.say_settings(manners_.terms);
    set_reading(true);
  });
}

void H2ProviderPeer::put(std::string_view bytes) {
  if (!talks()) return;
  // (the first frame of what is said)
  const auto byte = [&](std::size_t i) {
    return std::uint64_t{static_cast<std::uint8_t>(bytes[i])};
  };
  net().log(name_of(byte(3)), byte(7) << 8 | byte(8), bytes.size());
  send(bytes);
}

void H2ProviderPeer::on_bytes(std::string_view bytes) {
  if (ends_at_next_) {  // the race that every pool loses now and then
    end(dice_.chance(0.5));
    return;
  }
  text_.feed(bytes);
  if (!text_.fault().empty())
    provider_.verdict().fail("at the provider: %s", text_.fault().c_str());
}

void H2ProviderPeer::on_eof() {
  for (auto& [id, live] : lives_) live.done = true;
  left_ = true;
  close();
}

// -- requests

void H2ProviderPeer::on_h2_head(H2StreamText& text) {
  if (text.id > goaway_last_) {
    if (goaway_at_ != 0 && turn_read(goaway_at_) != 0 &&
        turn_offered(text.message.wire_begin + 1) > turn_read(goaway_at_))
      provider_.verdict().fail("a stream was opened behind GOAWAY");
    ++provider_.refusals;
    return;
  }
  if (!talks()) return;
  if (text_.open_streams() > manners_.terms.streams) {  // it does not know that bound yet
    ++provider_.refusals;
    return text_.reset(text, h2::kRefusedStream);
  }
  if (++requests_ >= manners_.dies_at && !dead_) {
    dead_ = mute_ = true;
    ++provider_.mutes;
  }
  Live& live = lives_[text.id];
  live.text = &text;
  look_at(live);
  if (!text.message.complete && text.allowed < manners_.terms.window + 1) give_later(live);
}

void H2ProviderPeer::on_h2_body(H2StreamText& text, std::uint64_t bytes) {
  const auto size = static_cast<std::uint32_t>(bytes);
  if (manners_.returns_after == 0) {
    text_.give(nullptr, size);
  } else {
    net().after(manners_.returns_after, [this, size] {
      if (talks()) text_.give(nullptr, size);
    });
  }
  const auto found = lives_.find(text.id);
  if (found == lives_.end()) return;
  look_at(found->second);
  if (!text.over()) give_later(found->second);
}

void H2ProviderPeer::on_h2_end(H2StreamText& text) {
  const auto found = lives_.find(text.id);
  if (found != lives_.end()) look_at(found->second);
}

// A window that is open enough is left alone; else a step more, in a while.
void H2ProviderPeer::give_later(Live& live) {
  if (manners_.window_step == 0 || live.gives || live.text->message.complete) return;
  if (live.text->allowed >= manners_.window_step) return;
  live.gives = true;
  net().after(manners_.returns_after, [this, &live] {
    live.gives = false;
    if (!talks() || live.text->over() || live.text->message.complete) return;
    text_.give(live.text, manners_.window_step);
    give_later(live);
  });
}

void H2ProviderPeer::look_at(Live& live) {
  if (live.serving != nullptr || live.done) return;
  const Message& message = live.text->message;
  if (live.plan == nullptr) {
    live.plan = provider_.request_in(message);
    if (live.plan == nullptr) {
      if (message.complete)
        provider_.verdict().fail("a request of nobody reached a provider: %s",
                                 message.start_line.c_str());
      return;
    }
    live.answer = provider_.make_answer(*live.plan);
  }
  const bool early =
      live.answer.fault == Fault::early && message.body.size() >= live.answer.early_after;
  if (message.complete || early) begin_answer(live);
}

void H2ProviderPeer::begin_answer(Live& live) {
  const Message& message = live.text->message;
  Serving serving;
  serving.request = live.plan;
  serving.answer = std::move(live.answer);
  serving.provider = provider_.plan().index;
  serving.peer = this;
  serving.request_begin = message.wire_begin;
  serving.answer_begin = sent();
  serving.first_of_connection = live.text->id == 1;
  serving.whole = message.complete;
  serving.text = live.text;
  serving.credential = provider_.check_request(message, *serving.request);
  live.serving = &provider_.add_serving(std::move(serving));
  if (provider_.plan().thinks == 0) return play(live);
  net().after(
      provider_.plan().thinks / 2 +
          static_cast<base::Nanos>(dice_.unit() * static_cast<double>(provider_.plan().thinks / 2)),
      [this, &live] { play(live); });
}

// -- answers

void H2ProviderPeer::play(Live& live) {
  if (live.done || live.text->over() || !talks()) return;
  const AnswerPlan& plan = live.serving->answer;
  const bool pauses = live.next_pause < plan.pauses.size();
  live.until = std::max(live.until, pauses ? plan.pauses[live.next_pause].at : plan.cut);
  live.to_the_end = !pauses;
  if (pauses) {
    net().after(plan.pauses[live.next_pause++].length, [this, &live] { play(live); });
  }
  pump(live);
}

void H2ProviderPeer::pump(Live& live) {
  if (live.serving == nullptr || live.done) return;
  while (live.played < live.until && talks() && !live.text->over()) {
    if (dice_.chance(manners_.pings)) {
      text_.ping("at " + std::to_string(10'000 + pings_.size() % 10'000));
      pings_.push_back({sent()});
    }
    if (dice_.chance(manners_.chatter)) chatter();
    if (!put_next(live)) return;
  }
  if (live.to_the_end && live.played >= live.until && talks()) end_answer(live);
}

// A head, a piece or the end. False: the windows are closed.
bool H2ProviderPeer::put_next(Live& live) {
  const AnswerPlan& plan = live.serving->answer;
  const std::uint64_t heads = plan.heads.size();
  const std::uint64_t whole = heads + plan.payload.size();
  H2StreamText& text = *live.text;
  const std::uint64_t before = sent();
  if (live.played < heads) {
    const bool last = live.played + 1 == heads && plan.payload.empty() && plan.ends_with_data &&
                      live.until > heads;
    text_.head(text, plan.heads[live.played], last, plan.head_piece);
    place(live, sent() - 1, 1);
    if (last) place(live, sent() - 1, 1);
    return true;
  }
  if (live.played < whole) {
    const std::uint64_t size = std::min(
        {plan.frame_bytes, std::min(live.until, whole) - live.played, plan.payload.size()});
    const bool last = plan.ends_with_data && live.played + size == whole && live.until > whole;
    std::uint64_t at = 0;
    const std::uint64_t taken =
        text_.data(text,
                   std::string_view(plan.payload).substr(live.played - heads, size),
                   last,
                   plan.padding,
                   &at);
    if (taken == 0) return false;
    place(live, before + at, taken);
    if (text.ended) place(live, sent() - 1, 1);
    return true;
  }
  if (plan.trailers) {
    text_.head(text, {{"x-trailer", "1"}}, true);
  } else {
    text_.data(text, "", true, 0);
  }
  place(live, sent() - 1, 1);
  return true;
}

void H2ProviderPeer::place(Live& live, std::uint64_t wire, std::uint64_t bytes) {
  live.serving->placed.push_back({wire, live.played, bytes});
  live.played += bytes;
}

void H2ProviderPeer::end_answer(Live& live) {
  const AnswerPlan& plan = live.serving->answer;
  live.done = true;
  switch (plan.ending) {
    case Ending::silence:
      return;  // until the worker has had enough
    case Ending::fin:
    case Ending::reset:
      return end(plan.ending == Ending::reset);
    case Ending::stream_reset:
      live.serving->refused = plan.reset_code == h2::kRefusedStream && live.played == 0;
      text_.reset(*live.text, plan.reset_code);
      live.serving->verdict_at = sent();
      break;
    case Ending::goaway:
      say_goaway(h2::kNoError);
      if (live.played == plan.wire.size() || live.serving->refused) break;
      live.done = false;  // it goes on
      live.until = plan.wire.size();
      return pump(live);
    case Ending::breach:
      return say_breach();
    case Ending::keep:
      break;
  }
  behind_answer();
}

void H2ProviderPeer::on_h2_reset(H2StreamText& text) {
  const auto found = lives_.find(text.id);
  if (found != lives_.end()) found->second.done = true;
  maybe_rest();
}

void H2ProviderPeer::on_h2_room() {
  if (playing_) return;
  playing_ = true;
  for (auto& [id, live] : lives_) pump(live);
  playing_ = false;
}

void H2ProviderPeer::on_h2_ping(std::string_view payload) {
  if (manners_.answers_pings && talks()) text_.pong(payload);
}

void H2ProviderPeer::on_h2_pong() {
  for (Ping& ping : pings_) {
    if (ping.answered_at != 0) continue;
    ping.answered_at = text_.wire();
    return;
  }
}

}  // namespace headrace::sim
