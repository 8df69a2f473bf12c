// The running answer to one request: pieces that leave at absolute deadlines (one late piece does
// not delay the next) and the fault that was drawn for it. Embedded in its connection; idle between
// requests. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/time.h"
#include "call.h"
#include "fault.h"
#include "io/timer_wheel.h"
#include "plan.h"
#include "shape.h"
#include "texts.h"

namespace headrace::mock {

class Connection;

class Answer final : private EventSink {
 public:
  explicit Answer(Connection& connection);

  void start(CallRequest request, const Shape& shape, const Fault& fault);
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
  base::Nanos next_gap();

  void begin_stream();
  bool step_stream();
  void end_stream();
  bool act_at_token();
  void cut_event();
  void send_error_event();
  void send_plain();
  void cut_plain(const std::string& message, std::size_t body_begin);

  Piece next_piece();
  std::string request_id_field() const;
  void event(std::string_view text) override;
  void flush();
  void finish(bool keep_alive);

  Connection& connection_;
  io::Timer timer_;
  CallRequest request_;
  Shape shape_;
  Plan plan_;
  std::unique_ptr<Texts> texts_;  // refers to the three before it
  Fault fault_;
  bool running_ = false;
  bool stalled_ = false;
  bool held_ = false;  // the client does not read: on_drained goes on
  std::uint64_t sent_ = 0;
  base::Nanos due_ = 0;
  std::string content_;  // of the piece that leaves now
  std::string pending_;  // events that wait for their companions (coalesce)
  std::uint64_t pending_events_ = 0;
};

}  // namespace headrace::mock
