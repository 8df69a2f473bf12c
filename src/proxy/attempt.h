// Attempt: one try at one target: the connection it runs on, the answer it gets, what it cost and
// how it ended. It holds its answer in a relay of its own until the exchange lets it commit, so
// that several attempts of one exchange can run side by side and only one is ever seen. Owned by
// the exchange, one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "config/snapshot.h"
#include "headrace/record.h"
#include "proxy/workshop.h"
#include "relay/relay.h"
#include "upstream/upstream_conn.h"

namespace headrace::proxy {

class Attempt;

class AttemptOwner {
 public:
  // The commit point is reached: something useful is held.
  virtual void on_attempt_ready(Attempt& attempt) = 0;
  // More of a committed answer went to the client.
  virtual void on_attempt_progress(Attempt& attempt) = 0;
  // The answer is complete as HTTP goes. The connection has gone its way.
  virtual void on_attempt_end(Attempt& attempt) = 0;
  virtual void on_attempt_failed(Attempt& attempt, base::Error error) = 0;

 protected:
  ~AttemptOwner() = default;
};

class Attempt final : public upstream::AnswerOwner {
 public:
  struct Stamps {
    base::Nanos dispatched = 0;
    base::Nanos first_byte = 0;
    base::Nanos first_useful = 0;
    base::Nanos last_activity = 0;
    base::Nanos ended = 0;
  };

  Attempt(Workshop& shop, AttemptOwner& owner, api::AnswerSink& sink)
      : shop_(shop), owner_(owner), relay_(shop.io, sink) {}
  ~Attempt() { HEADRACE_ASSERT(conn_ == nullptr); }

  // REQUIRES: not running.
  void start(upstream::UpstreamConn& conn,
             const config::Route& route,
             std::uint32_t target,
             io::Slice head,
             io::Slice body);
  // Ends the try without an answer: the connection closes in this turn. What was relayed stays
  // known.
  void stop();
  // Lets go of everything that is held.
  void drop();
  void pause();
  void resume();
  // The upstream is not to blame for this silence: the client does not take what is there.
  void excuse_silence() { stamps_.last_activity = shop_.io.now(); }
  bool running() const { return conn_ != nullptr; }

  relay::Relay& relay() { return relay_; }
  const Stamps& stamps() const { return stamps_; }
  // The time in which only the upstream could have gone on: all of it, but for the pauses.
  // REQUIRES: ended.
  base::Nanos upstream_wait() const { return stamps_.ended - stamps_.dispatched - paused_for_; }
  std::uint32_t target() const { return target_; }
  bool reused() const { return reused_; }
  std::uint16_t status() const { return head_.status; }
  bool is_stream() const { return is_stream_; }
  const http::ResponseHead& head() const { return head_; }
  // The fields of the answer's head that go on to the client, as finished lines.
  base::Bytes forwarded_fields() const { return fields_.view(); }

  // -- events
  void on_answer_head(const http::ResponseHead& head,
                      const http::Fields& fields,
                      base::Bytes text) override;
  void on_answer_body(io::Slice piece) override;
  void on_answer_end() override;
  void on_answer_failed(base::Error error) override;

 private:
  void keep_fields(const http::Fields& fields, base::Bytes text);
  upstream::UpstreamConn* leave();

  Workshop& shop_;
  AttemptOwner& owner_;
  relay::Relay relay_;
  upstream::UpstreamConn* conn_ = nullptr;
  const config::Route* route_ = nullptr;
  http::ResponseHead head_;
  io::Slice fields_;
  Stamps stamps_;
  base::Nanos paused_since_ = 0;
  base::Nanos paused_for_ = 0;
  std::uint32_t target_ = 0;
  bool reused_ = false;
  bool is_stream_ = false;
};

}  // namespace headrace::proxy
