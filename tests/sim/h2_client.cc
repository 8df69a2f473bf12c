#include "h2_client.h"

#include <algorithm>
#include <cctype>

namespace headrace::sim {
namespace {

constexpr base::Nanos kContinuePatience = 300 * base::kMillisecond;
// One connection too many is told so before anybody knows what it speaks.
constexpr std::string_view kTurnedAway = "HTTP/1.1 503 ";
constexpr std::uint32_t kConnectionWindow = 64u << 20;

// The head of the plan's text, in fields.
FieldTexts fields_of(const RequestPlan& plan) {
  FieldTexts fields;
  FieldTexts pseudo;
  const std::string head = plan.wire.substr(0, plan.head_bytes);
  std::size_t begin = 0;
  while (begin < head.size()) {
    const std::size_t end = head.find("\r\n", begin);
    const std::string line = head.substr(begin, end - begin);
    begin = end + 2;
    if (line.empty()) continue;
    if (pseudo.empty()) {
      const std::size_t space = line.find(' ');
      pseudo = {{":method", line.substr(0, space)},
                {":scheme", "http"},
                {":path", line.substr(space + 1, line.rfind(' ') - space - 1)}};
      continue;
    }
    const std::size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (name == "host") {
      pseudo.emplace_back(":authority", line.substr(colon + 2));
    } else {
      fields.emplace_back(name, line.substr(colon + 2));
    }
  }
  pseudo.insert(pseudo.end(), fields.begin(), fields.end());
  return pseudo;
}

}  // namespace

H2ClientPeer::H2ClientPeer(SimNet& net, const ClientPlan& plan)
    : ClientPeer(net, plan), asks_(plan.requests.size()) {}

void H2ClientPeer::on_connected() {
  send(h2::kPreface);
  text_.say_settings({.window = plan_.window});
  text_.give(nullptr, kConnectionWindow);
  for (std::size_t i = 0; i < asks_.size(); ++i)
    net().after(plan_.streams[i].start_after, [this, i] { ask(i); });
  if (plan_.reading != ClientPlan::Reading::slow) return;
  set_reading(false);
  read_slowly();
}

void H2ClientPeer::put(std::string_view bytes) {
  if (talks()) send(bytes);
}

// -- asking

void H2ClientPeer::ask(std::size_t request) {
  Ask& ask = asks_[request];
  if (!talks() || goaway_) {
    end_ask(request);
    return maybe_end();
  }
  const RequestPlan& plan = plan_.requests[request];
  ask.text = &text_.open();
  order_.push_back(request);
  ask.given.push_back({0, plan_.window});
  const bool ends = plan.head_bytes == plan.wire.size();
  text_.head(*ask.text, fields_of(plan), ends, plan_.streams[request].head_piece);
  maybe_leave();
  if (!talks()) return;
  if (plan.expects_continue) {
    ask.waits = true;
    net().after(kContinuePatience, [this, request] { on_h2_interim(*asks_[request].text); });
    return;
  }
  send_body(request);
}

void H2ClientPeer::on_h2_interim(H2StreamText& text) {
  Ask& ask = asks_[of(text)];
  if (!plan_.requests[of(text)].expects_continue || std::exchange(ask.continued, true)) return;
  ask.waits = false;
  send_body(of(text));
}

void H2ClientPeer::send_body(std::size_t request) {
  Ask& ask = asks_[request];
  const RequestPlan& plan = plan_.requests[request];
  const std::uint64_t whole = plan.wire.size() - plan.head_bytes;
  while (talks() && !ask.waits && !ask.over && !ask.text->over() && !ask.text->ended) {
    std::uint64_t until = std::min<std::uint64_t>(plan.wire.size(), plan.stall_at);
    const bool pauses =
        ask.next_pause < plan.pauses.size() && plan.pauses[ask.next_pause].at <= until;
    if (pauses) until = std::max(plan.pauses[ask.next_pause].at, plan.head_bytes);
    const std::uint64_t size =
        until - plan.head_bytes > ask.sent ? until - plan.head_bytes - ask.sent : 0;
    const bool last = ask.sent + size == whole;
    if (size != 0 || (last && !pauses)) {
      const std::string_view piece =
          std::string_view(plan.wire).substr(plan.head_bytes + ask.sent, size);
      const std::uint64_t taken = text_.data(*ask.text, piece, last && !pauses, 0);
      ask.sent += taken;
      maybe_leave();
      if (taken == 0 && size != 0) return;  // the window is closed
      if (taken < size) continue;
    }
    if (pauses) {
      ask.waits = true;
      net().after(plan.pauses[ask.next_pause++].length, [this, request] {
        asks_[request].waits = false;
        send_body(request);
      });
      return;
    }
    if (plan.stall_at < plan.wire.size()) return;  // and nothing more will come
  }
}

void H2ClientPeer::on_h2_room() {
  for (std::size_t i = 0; i < asks_.size(); ++i) {
    if (asks_[i].text != nullptr) send_body(i);
  }
}

// -- answers

void H2ClientPeer::on_bytes(std::string_view bytes) {
  if (ended_) return;
  if (first_.size() < kTurnedAway.size()) {
    first_ += bytes;
    if (first_.size() < kTurnedAway.size()) return;
    turned_away_ = first_.starts_with(kTurnedAway);
    if (turned_away_) {
      ended_ = true;
      return close();
    }
    bytes = first_;
  }
  text_.feed(bytes);
  maybe_leave();
  maybe_end();
}

void H2ClientPeer::on_h2_head(H2StreamText& text) {
  maybe_cancel(of(text));
}

void H2ClientPeer::on_h2_body(H2StreamText& text, std::uint64_t bytes) {
  text_.give(nullptr, static_cast<std::uint32_t>(bytes));
  const std::size_t request = of(text);
  if (asks_[request].over) return;
  give_back(request, bytes);
  maybe_cancel(request);
}

void H2ClientPeer::give_back(std::size_t request, std::uint64_t bytes) {
  Ask& ask = asks_[request];
  const ClientPlan::Stream& stream = plan_.streams[request];
  const bool waits = ask.owed != 0 && stream.reading != ClientPlan::Reading::normal;
  ask.owed += bytes;
  if (waits) return;
  const bool stalls = stream.reading == ClientPlan::Reading::stalls;
  if (stream.reading == ClientPlan::Reading::normal || (stalls && ask.stalled))
    return give_owed(request);
  ask.stalled = true;
  net().after(stream.give_after, [this, request] { give_owed(request); });
}

void H2ClientPeer::give_owed(std::size_t request) {
  Ask& ask = asks_[request];
  const std::uint64_t owed = std::exchange(ask.owed, 0);
  if (owed == 0 || !talks() || ask.over || ask.text->over() || ask.text->message.complete) return;
  text_.give(ask.text, static_cast<std::uint32_t>(owed));
  ask.given.push_back({sent(), ask.given.back().all + owed});
}

void H2ClientPeer::on_h2_end(H2StreamText& text) {
  // What is still to be sent is not wanted, or it is: as in HTTP/1.1 the rest is sent.
  if (text.ended) end_ask(of(text));
  if (!text.ended)
    net().after(base::kMillisecond, [this, request = of(text)] {
      end_ask(request);
      maybe_end();
    });
}

void H2ClientPeer::on_h2_reset(H2StreamText& text) {
  end_ask(of(text));
}

void H2ClientPeer::on_h2_ping(std::string_view payload) {
  text_.pong(payload);
}

void H2ClientPeer::on_h2_goaway(std::uint32_t last, std::uint32_t code) {
  goaway_ = true;
  goaway_last_ = last;
  if (goaway_code_ == 0) goaway_code_ = code;
  for (std::size_t i = 0; i < asks_.size(); ++i) {
    if (asks_[i].text == nullptr || asks_[i].text->id > last) end_ask(i);
  }
}

void H2ClientPeer::on_eof() {
  ended_ = true;
  close();
}

std::vector<const Message*> H2ClientPeer::answers() const {
  std::vector<const Message*> all;
  for (const Ask& ask : asks_) {
    const bool any = ask.text != nullptr && ask.text->head_seen;
    all.push_back(any ? &ask.text->message : nullptr);
  }
  return all;
}

// -- the end of one, and of all

void H2ClientPeer::maybe_cancel(std::size_t request) {
  Ask& ask = asks_[request];
  const bool due = ask.text->message.body.size() >= plan_.streams[request].cancel_after;
  if (!due || ask.over || ask.text->message.complete || !talks()) return;
  text_.reset(*ask.text, h2::kCancel);
  ask.cancelled_at = sent();
  end_ask(request);
}

void H2ClientPeer::maybe_leave() {
  const bool due = sent() >= plan_.leave_after_sent || received() >= plan_.leave_after_received;
  if (!due || left_ || finished()) return;
  if (plan_.leaving == ClientPlan::Leaving::reset) {
    left_ = true;
    reset();
  } else if (plan_.leaving == ClientPlan::Leaving::fin) {
    left_ = true;
    close();
  }
}

void H2ClientPeer::end_ask(std::size_t request) {
  asks_[request].over = true;
}

void H2ClientPeer::maybe_end() {
  const bool all = std::all_of(asks_.begin(), asks_.end(), [](const Ask& ask) { return ask.over; });
  if (!all || !talks()) return;
  if (plan_.leaving == ClientPlan::Leaving::waits && !goaway_) return;
  ended_ = true;
  close();
}

void H2ClientPeer::read_slowly() {
  net().after(plan_.read_every, [this] {
    if (finished()) return;
    if (read_some(plan_.read_bytes) == 0 && !finished()) {
      set_reading(true);  // an end of the stream is seen by readers only
      if (!finished()) set_reading(false);
    }
    if (!finished()) read_slowly();
  });
}

// -- for the oracle

bool H2ClientPeer::cut(std::size_t request) const {
  const H2StreamText* text = asks_[request].text;
  return saw_reset() || (text != nullptr && text->reset_by_them);
}

bool H2ClientPeer::was_refused(std::size_t request) const {
  const H2StreamText* text = asks_[request].text;
  if (text == nullptr) return false;
  return text->id > goaway_last_ || (text->reset_by_them && text->reset_code == h2::kRefusedStream);
}

bool H2ClientPeer::worker_gave_up(std::size_t request) const {
  const std::uint64_t at = asks_[request].cancelled_at;
  return worker_gone() || (at != 0 && turn_read(at) != 0);
}

std::uint64_t H2ClientPeer::turn_gave_up(std::size_t request) const {
  const std::uint64_t at = asks_[request].cancelled_at;
  return at == 0 ? 0 : turn_read(at);
}

std::uint64_t H2ClientPeer::received_of(std::size_t request) const {
  const H2StreamText* text = asks_[request].text;
  return text == nullptr ? 0 : text->message.body.size();
}

ClientPlan::Reading H2ClientPeer::reading_of(std::size_t request) const {
  if (plan_.reading != ClientPlan::Reading::normal) return plan_.reading;
  return plan_.streams[request].reading;
}

std::uint64_t H2ClientPeer::window_turn(std::size_t request, std::uint64_t bytes) const {
  for (const Given& given : asks_[request].given) {
    if (given.all >= bytes) return given.at == 0 ? 0 : turn_read(given.at);
  }
  return 0;
}

}  // namespace headrace::sim
