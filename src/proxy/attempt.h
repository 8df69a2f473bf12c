// Attempt: one try at one target: the connection it runs on, the answer it gets, what it cost and
// how it ended. It holds its answer in a relay of its own until the exchange lets it commit, so
// that several attempts of one exchange can run side by side and only one is ever seen. While the
// answer passes it reads along what the provider says of usage. Owned by the exchange, one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "config/snapshot.h"
#include "dialect/dialect.h"
#include "dialect/openai_responses.h"
#include "dialect/plain_answer.h"
#include "headrace/record.h"
#include "proxy/retry_hint.h"
#include "proxy/workshop.h"
#include "relay/relay.h"
#include "route/plan.h"
#include "upstream/upstream_conn.h"

namespace headrace::proxy {

class Attempt;

class AttemptOwner {
 public:
  // The commit point is reached: something useful is held, or a plain answer that is too long to be
  // held whole.
  virtual void on_attempt_ready(Attempt& attempt) = 0;
  // More of a committed answer went to the client.
  virtual void on_attempt_progress(Attempt& attempt) = 0;
  // The answer is complete as HTTP goes. The connection has gone its way.
  virtual void on_attempt_end(Attempt& attempt) = 0;
  // The provider reported a failure in an event (relay().failure()), before the commit point. The
  // connection still runs.
  virtual void on_attempt_refused(Attempt& attempt) = 0;
  virtual void on_attempt_failed(Attempt& attempt, base::Error error) = 0;

 protected:
  ~AttemptOwner() = default;
};

class Attempt final : public upstream::AnswerOwner, public api::AnswerWatch {
 public:
  // What is asked of whom, decided before there is a connection.
  struct Aim {
    const config::Route* route = nullptr;
    route::Choice choice;
    std::uint32_t target_id = 0;
    std::uint16_t provider = 0;  // index
    const dialect::Dialect* dialect = nullptr;
    dialect::Call call = dialect::Call::chat;
    bool translated = false;
    bool wants_usage = true;   // the client asked for the usage of a stream, and shall see it
    bool key_limited = false;  // the client's key has limits of its own
    bool wants_texts = false;  // somebody writes down what the provider calls the request
  };
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

  // REQUIRES: not running, and nothing is held.
  void aim(const Aim& aim);
  void start(upstream::Call& conn, upstream::WireRequest request);
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
  const relay::Relay& relay() const { return relay_; }
  const Aim& aimed() const { return aim_; }
  const Stamps& stamps() const { return stamps_; }
  // The time in which only the upstream could have gone on: all of it, but for the pauses.
  base::Nanos upstream_wait() const;
  bool reused() const { return reused_; }
  std::uint16_t status() const { return head_.status; }
  bool is_stream() const { return is_stream_; }
  const http::ResponseHead& head() const { return head_; }
  const RetryHint& retry_hint() const { return hint_; }
  // The fields of the answer's head that go on to the client, as finished lines.
  base::Bytes forwarded_fields() const { return fields_.view(); }
  base::Bytes provider_request_id() const { return provider_id_.view(); }
  // Of a stream of responses.
  api::SeenResponse seen_response() const { return response_place_.seen(); }
  // What the provider has reported so far.
  api::Usage usage() const;
  // Of a plain answer that could be read whole, and what was seen of it on the way.
  void read_usage(base::Bytes answer, const dialect::PlainVerdict& seen);
  void set_usage(const api::Usage& usage) { scan_.usage = usage; }

  // -- events
  void on_answer_head(const http::ResponseHead& head,
                      const http::Fields& fields,
                      base::Bytes text) override;
  void on_answer_body(io::Slice piece) override;
  void on_answer_end() override;
  void on_answer_failed(base::Error error) override;
  bool see_event(base::Bytes event) override;
  void see_front(base::Bytes front) override;
  void see_piece(base::Bytes piece) override;

 private:
  void start_relay();
  upstream::Call* leave();
  const dialect::AnswerTable& answers() const;

  Workshop& shop_;
  AttemptOwner& owner_;
  relay::Relay relay_;
  dialect::StreamPlace filter_place_;
  api::StreamFilter* filter_ = nullptr;  // while a stream is translated, and until drop()
  upstream::Call* conn_ = nullptr;
  Aim aim_;
  http::ResponseHead head_;
  RetryHint hint_;
  io::Slice fields_;
  io::Slice provider_id_;
  io::Slice last_words_;  // of a plain answer that is too long: its usage stands at its end
  dialect::UsageScan scan_;
  dialect::ResponsePlace response_place_;
  Stamps stamps_;
  base::Nanos paused_since_ = 0;
  base::Nanos paused_for_ = 0;
  bool reused_ = false;
  bool is_stream_ = false;
};

}  // namespace headrace::proxy
