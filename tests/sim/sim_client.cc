#include "sim_client.h"

#include <algorithm>

#include "h2_client.h"

namespace headrace::sim {

namespace {

constexpr base::Nanos kContinuePatience = 300 * base::kMillisecond;

}  // namespace

std::unique_ptr<ClientPeer> ClientPeer::make(SimNet& net, const ClientPlan& plan) {
  if (plan.h2) return std::make_unique<H2ClientPeer>(net, plan);
  return std::make_unique<H1ClientPeer>(net, plan);
}

void ClientPeer::start(const sockaddr_storage& address) {
  started_ = true;
  dial(address);
}

void ClientPeer::go_home() {
  if (started_ && !finished()) reset();
}

void H1ClientPeer::on_connected() {
  if (plan_.reading == ClientPlan::Reading::slow) {
    set_reading(false);
    read_slowly();
  }
  maybe_stall();
  send_more();
}

void ClientPeer::on_refused(int) {
  refused_ = true;
}

std::vector<const Message*> H1ClientPeer::answers() const {
  std::vector<const Message*> finals;
  for (const Message& message : reader_.messages()) {
    if (message.status() >= 200) finals.push_back(&message);
  }
  return finals;
}

std::size_t H1ClientPeer::complete_answers() const {
  const auto& all = reader_.messages();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const Message& message) {
    return message.complete && message.status() >= 200;
  }));
}

// -- sending

void H1ClientPeer::send_more() {
  while (!waiting_ && !no_more_ && !left_ && !ended_ && !half_closed_ && !finished() &&
         !saw_reset() && sending_ < plan_.requests.size()) {
    const RequestPlan& request = plan_.requests[sending_];
    if (!plan_.pipelined && complete_answers() < sending_) return;
    std::uint64_t until = std::min<std::uint64_t>(request.wire.size(), request.stall_at);
    const bool asks_first = request.expects_continue && !continued_;
    if (asks_first) until = std::min(until, request.head_bytes);
    const bool pauses =
        next_pause_ < request.pauses.size() && request.pauses[next_pause_].at <= until;
    send_piece(pauses ? request.pauses[next_pause_].at : until);
    if (left_ || finished()) return;
    if (pauses) {
      waiting_ = true;
      net().after(request.pauses[next_pause_++].length, [this] {
        waiting_ = false;
        send_more();
      });
      return;
    }
    if (sent_of_it_ >= request.stall_at) return;  // and nothing more will come
    if (asks_first) {
      waiting_ = true;
      net().after(kContinuePatience, [this, which = sending_] {
        if (continued_ || sending_ != which) return;
        continued_ = true;
        waiting_ = false;
        send_more();
      });
      return;
    }
    ++sending_;
    sent_of_it_ = 0;
    next_pause_ = 0;
    continued_ = false;
  }
  const bool all_sent = sending_ == plan_.requests.size();
  if (all_sent && plan_.leaving == ClientPlan::Leaving::half_close && !half_closed_ &&
      !finished()) {
    half_closed_ = true;
    shutdown_write();
  }
}

void H1ClientPeer::send_piece(std::uint64_t until) {
  const RequestPlan& request = plan_.requests[sending_];
  if (until > sent_of_it_) {
    send(std::string_view(request.wire).substr(sent_of_it_, until - sent_of_it_));
    sent_of_it_ = until;
  }
  maybe_leave();
}

// -- receiving

void H1ClientPeer::on_bytes(std::string_view bytes) {
  reader_.feed(bytes);
  maybe_leave();
  if (finished()) return;
  maybe_stall();
  look_at_answers();
}

void H1ClientPeer::look_at_answers() {
  const bool interim = !reader_.messages().empty() && reader_.messages().back().status() == 100;
  if (interim && sending_ < plan_.requests.size() && plan_.requests[sending_].expects_continue &&
      sent_of_it_ == plan_.requests[sending_].head_bytes && !continued_) {
    continued_ = true;
    waiting_ = false;
  }
  const auto finals = answers();
  if (!finals.empty()) {
    const std::string* connection = finals.back()->field("connection");
    if (connection != nullptr && *connection == "close") no_more_ = true;
  }
  const bool all_answered = complete_answers() == plan_.requests.size();
  if (all_answered && !no_more_ && plan_.leaving != ClientPlan::Leaving::waits) {
    ended_ = true;
    if (!half_closed_) close();
    return;
  }
  send_more();
}

void H1ClientPeer::on_eof() {
  reader_.feed_eof();
  ended_ = true;
  close();
}

// -- manners

void H1ClientPeer::maybe_leave() {
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

void H1ClientPeer::maybe_stall() {
  if (plan_.reading != ClientPlan::Reading::stalls || stalled_ || received() < plan_.stall_after)
    return;
  stalled_ = true;
  set_reading(false);
  net().after(plan_.stall_for, [this] {
    if (!finished()) set_reading(true);
  });
}

void H1ClientPeer::read_slowly() {
  net().after(plan_.read_every, [this] {
    if (finished()) return;
    if (read_some(plan_.read_bytes) == 0 && !finished()) {
      set_reading(true);  // an end of the stream is seen by readers only
      if (!finished()) set_reading(false);
    }
    if (!finished()) read_slowly();
  });
}

}  // namespace headrace::sim
