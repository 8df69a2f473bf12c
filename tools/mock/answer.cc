#include "answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "connection.h"
#include "service.h"

namespace headrace::mock {
namespace {

constexpr base::Nanos kForEver = base::kNever;

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    "cache-control: no-cache\r\n";

std::string stamp(base::Nanos instant) {
  return fmt::format("{:016x}", instant);
}

}  // namespace

Answer::Answer(Connection& connection) : connection_(connection) {
  timer_.bind<&Answer::on_due>(*this);
}

void Answer::start(const ChatRequest& request, const Fault& fault) {
  Service& service = connection_.service();
  request_ = request;
  fault_ = fault;
  if (fault_.action == Action::no_usage) request_.include_usage = false;
  texts_.emplace(request_, service.next_id(), connection_.io().wall_clock() / 1'000'000'000);
  tokens_ = service.draw_tokens();
  cut_ = request_.max_tokens != 0 && request_.max_tokens < tokens_;
  if (cut_) tokens_ = request_.max_tokens;
  sent_ = 0;
  running_ = true;
  stalled_ = false;
  held_ = false;
  pending_.clear();
  pending_events_ = 0;
  connection_.set_split(fault_.action == Action::split ? fault_.count : 0);
  due_ = connection_.io().now() + service.draw_ttft();
  if (request_.stream) {
    begin_stream();
  } else if (fault_.action == Action::headers_then_silence) {
    connection_.write(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n");
    due_ = kForEver;
  } else {
    for (std::uint64_t i = 1; i < tokens_; ++i) due_ += service.draw_itl();
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

void Answer::begin_stream() {
  std::string head(kStreamHead);
  head += fmt::format("x-request-id: req_{}\r\n", texts_->id().substr(9));
  head += fault_.action == Action::until_close ? "connection: close\r\n\r\n"
                                               : "transfer-encoding: chunked\r\n\r\n";
  connection_.write(head);
  if (fault_.action == Action::headers_then_silence) {
    due_ = kForEver;
  } else if (fault_.action == Action::keepalive_only) {
    due_ = connection_.io().now() + fault_.time;
  } else {
    emit(texts_->role_event());
    if (fault_.action == Action::role_then_silence) due_ = kForEver;
  }
}

// One token, or whatever stands in its place. False when nothing more is to be done now.
bool Answer::step_stream() {
  if (fault_.action == Action::keepalive_only) {
    emit(": keep-alive\n\n");
    due_ += fault_.time;
    return true;
  }
  if (sent_ == fault_.token && act_at_token()) return false;
  if (sent_ == tokens_) {
    end_stream();
    return false;
  }
  emit(texts_->content_event(next_content()));
  ++sent_;
  // The end follows its last token at once, as it does with real servers.
  if (sent_ != tokens_) due_ += connection_.service().draw_itl();
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
    case Action::eof_mid_event: {
      const std::string event = texts_->content_event(next_content());
      connection_.write(fmt::format("{:x}\r\n{}", event.size(), event.substr(0, event.size() / 2)));
      finish(false);
      return true;
    }
    case Action::error_event:
      emit("data: " + error_body("The server had an error", "server_error", "server_error") +
           "\n\n");
      flush();
      connection_.write("0\r\n\r\n");
      finish(true);
      return true;
    default:
      return false;
  }
}

void Answer::end_stream() {
  if (fault_.action != Action::no_done) {
    emit(texts_->finish_event(cut_));
    if (request_.include_usage) emit(texts_->usage_event(tokens_));
    emit("data: [DONE]\n\n");
  }
  flush();
  const bool chunked = fault_.action != Action::until_close;
  if (chunked) connection_.write("0\r\n\r\n");
  finish(chunked);
}

void Answer::send_plain() {
  std::string content;
  for (std::uint64_t i = 0; i < tokens_; ++i) content += next_content();
  sent_ = tokens_;
  const std::string body = texts_->plain_body(content, tokens_, cut_);
  const bool until_close = fault_.action == Action::until_close;
  std::string message =
      fmt::format("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_{}\r\n",
                  texts_->id().substr(9));
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

std::string Answer::next_content() {
  Service& service = connection_.service();
  if (service.stamps()) return stamp(connection_.io().clock());
  return ChatTexts::word(service.random());
}

void Answer::emit(std::string event) {
  if (fault_.action == Action::crlf) {
    std::string with_returns;
    for (const char c : event) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
    event = std::move(with_returns);
  }
  if (fault_.action == Action::until_close) {
    connection_.write(event);
    return;
  }
  pending_ += fmt::format("{:x}\r\n{}\r\n", event.size(), event);
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
