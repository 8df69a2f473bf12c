#include "answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "connection.h"
#include "service.h"

namespace headrace::mock {
namespace {

constexpr base::Nanos kForEver = base::kNever;
constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    "cache-control: no-cache\r\n";

// Keeps events instead of sending them.
class KeptEvents final : public EventSink {
 public:
  void event(std::string_view text) override { events.emplace_back(text); }
  std::vector<std::string> events;
};

}  // namespace

Answer::Answer(Connection& connection) : connection_(connection) {
  timer_.bind<&Answer::on_due>(*this);
}

void Answer::start(CallRequest request, const Shape& shape, const Fault& fault) {
  Service& service = connection_.service();
  request_ = std::move(request);
  shape_ = shape;
  fault_ = fault;
  if (fault_.action == Action::no_usage) shape_.usage = Shape::Usage::none;
  const std::uint64_t number = service.next_id();
  plan_ = Plan(request_, shape_, service.draw_tokens());
  const auto created = static_cast<std::uint64_t>(connection_.io().wall_clock()) / 1'000'000'000;
  texts_ = make_texts({request_, shape_, plan_, number, created});
  sent_ = 0;
  running_ = true;
  stalled_ = false;
  held_ = false;
  pending_.clear();
  pending_events_ = 0;
  connection_.set_split(fault_.action == Action::split ? fault_.count : 0);
  due_ = connection_.io().now() + (shape_.ttft ? *shape_.ttft : service.draw_ttft());
  if (request_.stream) {
    begin_stream();
  } else if (fault_.action == Action::headers_then_silence) {
    connection_.write(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n");
    due_ = kForEver;
  } else {
    for (std::uint64_t i = 1; i < plan_.pieces(); ++i) due_ += next_gap();
  }
  arm();
}

void Answer::cancel() {
  if (!running_) return;
  running_ = false;
  connection_.io().timers().cancel(timer_);
}

void Answer::on_drained() {
  if (running_ && !timer_.scheduled() && connection_.queued_bytes() < kQueuedBytesMax) arm();
}

void Answer::on_due() {
  if (!running_) return;
  if (!request_.stream) {
    send_plain();
    return;
  }
  // What waited for a client that does not read is not the mock's lateness.
  if (!held_) connection_.service().note_lateness(connection_.io().clock() - due_);
  // The token loop: everything that is due now, unless the client does not read.
  while (running_ && due_ <= connection_.io().now() &&
         connection_.queued_bytes() < kQueuedBytesMax) {
    if (!step_stream()) return;
  }
  held_ = connection_.queued_bytes() >= kQueuedBytesMax;
  if (running_ && !held_) arm();
}

void Answer::arm() {
  if (due_ != kForEver) connection_.io().timers().schedule(timer_, due_);
}

base::Nanos Answer::next_gap() {
  return shape_.itl ? *shape_.itl : connection_.service().draw_itl();
}

void Answer::begin_stream() {
  std::string head(kStreamHead);
  head += request_id_field();
  head += fault_.action == Action::until_close ? "connection: close\r\n\r\n"
                                               : "transfer-encoding: chunked\r\n\r\n";
  connection_.write(head);
  if (fault_.action == Action::headers_then_silence) {
    due_ = kForEver;
  } else if (fault_.action == Action::keepalive_only) {
    due_ = connection_.io().now() + fault_.time;
  } else if (fault_.action != Action::error_first) {
    texts_->begin(*this);
    if (fault_.action == Action::role_then_silence) due_ = kForEver;
  }
}

// One piece, or whatever stands in its place. False when nothing more is to be done now.
bool Answer::step_stream() {
  if (fault_.action == Action::keepalive_only) {
    texts_->keep_alive(*this);
    due_ += fault_.time;
    return true;
  }
  if (fault_.action == Action::error_first) {
    send_error_event();
    return false;
  }
  if (sent_ == fault_.token && act_at_token()) return false;
  if (sent_ == plan_.pieces()) {
    end_stream();
    return false;
  }
  texts_->piece(next_piece(), *this);
  ++sent_;
  // The end follows its last piece at once, as it does with real servers.
  if (sent_ != plan_.pieces()) due_ += next_gap();
  return true;
}

// True when the fault took over.
bool Answer::act_at_token() {
  switch (fault_.action) {
    case Action::stall:
      if (stalled_) return false;
      stalled_ = true;
      flush();
      due_ = fault_.time == 0 ? kForEver : connection_.io().now() + fault_.time;
      arm();
      return true;
    case Action::reset:
      if (connection_.queued_bytes() == 0) {
        connection_.abort();
      } else {  // a reset would take the tokens before it along
        due_ = connection_.io().now() + base::kMillisecond;
        arm();
      }
      return true;
    case Action::eof:
      finish(false);
      return true;
    case Action::eof_mid_event:
      cut_event();
      return true;
    case Action::error_event:
      send_error_event();
      return true;
    default:
      return false;
  }
}

// What belongs to the next piece, without the second half of its last event.
void Answer::cut_event() {
  KeptEvents kept;
  if (sent_ < plan_.pieces()) {
    texts_->piece(next_piece(), kept);
  } else {
    texts_->end(kept);
  }
  const std::string last = kept.events.back();
  kept.events.pop_back();
  for (const std::string& whole : kept.events) event(whole);
  flush();
  connection_.write(fmt::format("{:x}\r\n{}", last.size(), last.substr(0, last.size() / 2)));
  finish(false);
}

// And the end of the body, in good order.
void Answer::send_error_event() {
  texts_->error(sudden_error_words(family_of(request_.call), fault_.status, fault_.code), *this);
  flush();
  connection_.write("0\r\n\r\n");
  finish(true);
}

void Answer::end_stream() {
  if (fault_.action != Action::no_done) texts_->end(*this);
  flush();
  const bool chunked = fault_.action != Action::until_close;
  if (chunked) connection_.write("0\r\n\r\n");
  finish(chunked);
}

void Answer::send_plain() {
  Whole whole;
  while (sent_ < plan_.pieces()) {
    whole.add(next_piece());
    ++sent_;
  }
  const std::string body = texts_->plain_body(whole);
  const bool until_close = fault_.action == Action::until_close;
  std::string message = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
  message += request_id_field();
  message += until_close ? "connection: close\r\n\r\n"
                         : fmt::format("content-length: {}\r\n\r\n", body.size());
  const std::size_t body_begin = message.size();
  message += body;
  switch (fault_.action) {
    case Action::stall:
    case Action::role_then_silence:
    case Action::reset:
    case Action::eof:
    case Action::eof_mid_event:
      cut_plain(message, body_begin);
      return;
    default:
      connection_.write(message);
      finish(!until_close);
  }
}

// Half of the body, and then what the fault says.
void Answer::cut_plain(const std::string& message, std::size_t body_begin) {
  const std::string_view half(message.data(), body_begin + (message.size() - body_begin) / 2);
  if (fault_.action == Action::reset) {
    connection_.abort();
    return;
  }
  connection_.write(half);
  if (fault_.action == Action::eof || fault_.action == Action::eof_mid_event) finish(false);
}

// Thoughts and texts are words of the vocabulary; a stamp goes only where the answer's text is.
Piece Answer::next_piece() {
  Service& service = connection_.service();
  Piece piece = plan_.piece(sent_);
  if (piece.kind == Piece::Kind::arguments) return piece;
  if (service.stamps() && piece.kind == Piece::Kind::text) {
    content_.clear();
    fmt::format_to(std::back_inserter(content_), "{:016x}", connection_.io().clock());
    piece.content = content_;
  } else {
    piece.content = draw_word(service.random());
  }
  return piece;
}

std::string Answer::request_id_field() const {
  const bool openai = family_of(request_.call) == Family::openai;
  return fmt::format("{}: {}\r\n", openai ? "x-request-id" : "request-id", texts_->request_id());
}

void Answer::event(std::string_view text) {
  std::string with_returns;
  if (fault_.action == Action::crlf) {
    for (const char c : text) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
    text = with_returns;
  }
  if (fault_.action == Action::until_close) {
    connection_.write(text);
    return;
  }
  fmt::format_to(std::back_inserter(pending_), "{:x}\r\n", text.size());
  pending_ += text;
  pending_ += "\r\n";
  ++pending_events_;
  const std::uint64_t together = fault_.action == Action::coalesce ? fault_.count : 1;
  if (pending_events_ >= together) flush();
}

void Answer::flush() {
  if (pending_.empty()) return;
  connection_.write(pending_);
  pending_.clear();
  pending_events_ = 0;
}

void Answer::finish(bool keep_alive) {
  flush();
  running_ = false;
  connection_.io().timers().cancel(timer_);
  connection_.service().note_finished();
  connection_.finish_answer(keep_alive);
}

}  // namespace headrace::mock
