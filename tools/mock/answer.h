// The running answer to one chat request: tokens that leave at absolute deadlines (one late token
// does not delay the next) and the fault that was drawn for it. Embedded in its connection; idle
// between requests. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "chat.h"
#include "fault.h"
#include "io/timer_wheel.h"

namespace headrace::mock {

class Connection;

class Answer {
 public:
  explicit Answer(Connection& connection);

  void start(const ChatRequest& request, const Fault& fault);
  // The client went away, or the connection closes for another reason.
  void cancel();
  // The socket took bytes: goes on when it had been full.
  void on_drained();
  bool running() const { return running_; }

  const std::string& id() const { return texts_->id(); }
  std::uint64_t tokens_sent() const { return sent_; }

 private:
  using Action = Fault::Action;
  static constexpr std::size_t kQueuedBytesMax = 256 * 1024;

  void on_due();
  void arm();

  void begin_stream();
  bool step_stream();
  void end_stream();
  bool act_at_token();
  void send_plain();
  void cut_plain(const std::string& message, std::size_t body_begin);

  std::string next_content();
  void emit(std::string event);
  void flush();
  void finish(bool keep_alive);

  Connection& connection_;
  io::Timer timer_;
  std::optional<ChatTexts> texts_;
  ChatRequest request_;
  Fault fault_;
  bool running_ = false;
  bool stalled_ = false;
  bool held_ = false;  // the client does not read: on_drained goes on
  bool cut_ = false;   // the client's max_tokens ended the answer
  std::uint64_t tokens_ = 0;
  std::uint64_t sent_ = 0;
  base::Nanos due_ = 0;
  std::string pending_;  // events that wait for their companions (coalesce)
  std::uint64_t pending_events_ = 0;
};

}  // namespace headrace::mock
