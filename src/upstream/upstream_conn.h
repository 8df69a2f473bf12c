// One connection to an upstream, HTTP/1.1, plain or TLS: connects, sends one request at a time,
// takes the answer apart and hands its payload on as slices of the receive buffers. Owned by the
// Pool; lent to one attempt from acquire() to the end of the answer. What an attempt does not
// finish is closed, never reused.
//
// While it idles in the pool it goes on receiving: an end or a stray byte there retires it before
// anybody trips over it. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/limits.h"
#include "http/h1_body.h"
#include "http/h1_parser.h"
#include "io/gather.h"
#include "io/io.h"
#include "upstream/call.h"
#include "upstream/dial.h"

namespace headrace::upstream {

class Origin;
class Pool;

class UpstreamConn final : public io::SocketOwner, public Call, private DialOwner {
 public:
  enum class State : std::uint8_t { connecting, idle, busy, closing };

  UpstreamConn(io::Io& io, Pool& pool, Origin& origin);
  ~UpstreamConn();

  // Begins to connect to one of the origin's addresses. REQUIRES: just made.
  base::Status connect(base::Nanos deadline) { return dial_.start(deadline); }
  // While it connects: the patience of who waits for it now.
  void wait_until(base::Nanos deadline) { dial_.move_deadline(deadline); }
  // Takes over a connection that was dialled for somebody who speaks something else, and idles.
  // REQUIRES: just made.
  void take(Lane& lane);

  // Sends a request when connected and reports the answer to `owner`. REQUIRES: no request runs.
  void send(AnswerOwner& owner, WireRequest request) override;
  // The attempt is over before its answer: the connection is closed in this turn. No event follows.
  void cancel() override;
  void pause() override;
  void resume() override;

  bool paused() const override { return paused_; }

  bool reused() const override { return was_there_; }
  bool connected() const override { return state_ != State::connecting; }
  // It has just been made, and nobody has used it.
  bool fresh() const { return requests_ == 0 && io_.now() - idle_since < base::limits::kFreshFor; }
  Origin& origin() const { return origin_; }

  // -- events
  void on_connected(base::Status) override {}
  void on_data(io::Slice slice) override;
  void on_eof() override;
  void on_error(base::Error error) override;
  void on_sent() override;
  void on_closed() override;

  base::ListLink idle_link;    // the pool's
  base::ListLink origin_link;  // every connection of an origin
  base::Nanos idle_since = 0;  // from when it was put there, or came about

 private:
  friend class Pool;

  void on_dialled(Lane& lane) override;
  void on_dial_failed(base::Error error) override;
  void use(Lane& lane);
  void flush_request();
  bool asks_proxy() const;
  bool read_head(io::Slice& slice);
  void note_keep_alive(base::Bytes text);
  void read_body(io::Slice slice);
  void finish_answer(bool leftover);
  void fail(base::Error error);
  void retire(io::CloseHow how);
  base::Error broken(base::Errc code, std::int32_t os_errno) const;

  io::Io& io_;
  Pool& pool_;
  Origin& origin_;
  Dial dial_;
  Lane* lane_ = nullptr;  // while connected, and until that is closed
  AnswerOwner* owner_ = nullptr;
  WireRequest request_;       // waits for the connection
  io::Gather gathered_head_;  // an answer head that came in pieces
  http::H1ResponseParser parser_;
  http::H1Body body_;
  State state_ = State::connecting;
  bool in_body_ = false;
  bool keep_alive_ = false;
  bool answer_started_ = false;
  bool paused_ = false;
  bool is_spare_ = false;   // dialled for nobody
  bool was_there_ = false;  // the connection, before the running request
  std::uint8_t interim_answers_ = 0;
  base::Nanos waits_since_ = 0;  // the running request, for the connection
  std::uint64_t requests_ = 0;
};

}  // namespace headrace::upstream
