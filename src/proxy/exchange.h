// Exchange: the life of one request, from its head to its record. THE story file is exchange.cc;
// every stage is named there, in order, and nowhere else. encode.cc, answer.cc, unheard.cc and
// settle.cc only spell out what a stage does. It belongs to its client, which made it, and ends
// itself when it is settled; where the provider goes on without the client, to a GoneClient. One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "api/chat_request.h"
#include "api/error_body.h"
#include "base/uuid.h"
#include "http/message.h"
#include "meter/meter.h"
#include "proxy/attempt.h"
#include "proxy/client.h"
#include "proxy/endpoint.h"
#include "proxy/gone_client.h"
#include "proxy/reply.h"
#include "proxy/request_body.h"
#include "proxy/trace.h"
#include "proxy/workshop.h"

namespace headrace::proxy {

class Exchange final : public AttemptOwner {
 public:
  // `began`: when the first byte of the request was reaped.
  Exchange(Workshop& shop, Client& client, base::Nanos began);
  ~Exchange();

  // -- from the client's connection, in this order
  // The head is complete: may there be such a request at all?
  base::Status read_head(const http::RequestHead& head,
                         const http::Fields& fields,
                         base::Bytes text,
                         api::ErrorDetail& detail);
  // The request is whole.
  void start(RequestBody body);
  // Or it is not to be: the reply says why.
  void refuse(base::Error error, const api::ErrorDetail& detail);
  void on_client_progress();
  void on_client_gone(base::Error why);
  void on_drain_end();

  // -- from the attempt
  void on_attempt_ready(Attempt& attempt) override;
  void on_attempt_progress(Attempt& attempt) override;
  void on_attempt_end(Attempt& attempt) override;
  void on_attempt_refused(Attempt& attempt) override;
  void on_attempt_failed(Attempt& attempt, base::Error error) override;

  void on_timer();

 private:
  enum class Phase : std::uint8_t {
    reading,
    admitting,
    picking,
    encoding,
    acquiring,
    awaiting,
    waiting,
    relaying,
    settling
  };

  // The story, in this order.
  void advance();
  void read();
  void admit();
  void pick();
  void encode();
  void acquire();
  void commit();
  void settle();
  // The only place that decides retry, failover or reply.
  void fail(base::Error error);

  const config::Snapshot& snapshot() const { return live_->rules->snapshot; }
  const config::Target& target() const { return route_->targets[choice_.target]; }
  const config::Provider& provider() const { return snapshot().providers[target().provider]; }
  const dialect::Dialect& dialect() const { return live_->rules->dialect_of(target().provider); }
  std::size_t route_index() const {
    return static_cast<std::size_t>(route_ - snapshot().routes.data());
  }
  bool translated() const { return is_translated(dialect(), endpoint_); }
  bool key_limited() const;

  // -- reading and picking
  base::Status identify(const http::RequestHead& head,
                        const http::Fields& fields,
                        base::Bytes text);
  void keep_request(const api::ChatRequest& request);
  std::uint32_t usable_targets() const;
  void follow(const route::Step& step);
  bool wait_for_files();
  void watch();

  // -- encode.cc: the request in the provider's words
  Attempt::Aim aim() const;
  base::Bytes credential() const;
  base::Status write_request();
  void edit_request(RequestFacts& facts);
  base::Status translate_request(RequestFacts& facts);

  // -- answer.cc: what goes to the client
  void take_plain_answer();
  void commit_translated(base::Bytes answer);
  void take_refusal(std::uint16_t status, base::Bytes words);
  route::Outcome outcome_of(base::Error error, const dialect::ProviderError* said) const;
  void fail_committed(base::Error error);
  void give_up(route::Stop stop,
               base::Error error,
               route::Verdict verdict,
               const dialect::ProviderError* said);
  void complete();
  void answer_models();
  void reply(std::uint16_t status, base::Bytes fields, base::Bytes body);
  void reply_error(base::Error error);
  void reply_refused(const policy::Refusal& refusal, base::Error error);
  void reply_unsupported();
  void reply_provider_error(const dialect::ProviderError& said, bool about_brought_key);
  base::Bytes write_fields(char* out, std::size_t capacity, base::Bytes forwarded);

  // -- unheard.cc: the provider goes on, and its client is gone
  bool unheard() const { return gone_ != nullptr; }
  bool go_on_unheard();
  void let_go();
  void throw_away_held();
  bool hear_the_end();
  void fail_unheard();
  void end_unheard(bool whole);

  // -- settle.cc: the records
  GoneClient::Seen seen() const;
  void note();
  void note_attempt(base::Error error);
  void note_request();
  void note_usage(Record& record);
  void push(Record& record, base::Bytes model, base::Bytes provider_id);
  api::Usage estimated_usage();

  Workshop& shop_;
  Client* client_;
  GoneClient* gone_ = nullptr;  // client_, once that is nobody
  Live* live_;
  RequestBody body_;  // as the client sent it; every attempt makes its own request of it
  EndpointMatch endpoint_;
  io::Slice request_fields_;  // of the client's head, that go on to a provider of its family
  policy::Caller caller_;
  io::Slice brought_key_;   // caller_.brought, which was a view into the head
  base::Error refused_{};   // what the reply will say once the body is here
  api::ChatRequest asked_;  // views into body_, and perhaps model_text_
  io::Slice model_text_;    // a model's name that had to be unescaped
  const config::Route* route_ = nullptr;
  policy::Ticket ticket_;
  std::optional<route::Plan> plan_;
  route::Choice choice_;
  io::Slice dropped_fields_;       // a field line: what a translation left out
  upstream::WireRequest request_;  // from encoding to acquiring
  Attempt attempt_;
  const dialect::ProviderError* said_ = nullptr;  // what the failure at hand is about, for fail()
  bool keeps_body_back_ = false;                  // the provider's refusal holds a secret of ours
  io::Timer timer_;  // the nearest of the deadlines, or the end of a wait
  meter::Meter meter_;
  api::ErrorDetail detail_;
  base::Error error_{};
  base::Error last_failure_{};  // of an attempt, where there was another or a wait behind it
  std::uint16_t last_failure_status_ = 0;
  base::Uuid id_;
  SpanId span_{};  // of the attempt at hand, where its provider is told
  Phase phase_ = Phase::reading;
  bool head_only_ = false;  // the answer to HEAD ends with its head
  std::uint8_t attempts_ = 0;
  std::uint8_t attempts_noted_ = 0;  // that have their record
  bool told_all_ = true;    // what the client got ends in this turn; else it was cut earlier
  bool heard_all_ = false;  // unheard(): the provider said its last word
  bool fresh_ = false;      // the next attempt must not use a pooled connection
  std::uint16_t status_ = 0;
  base::Nanos began_ = 0;
  base::Nanos overhead_ = 0;
  base::Nanos wake_at_ = 0;         // Phase::waiting
  base::Nanos files_deadline_ = 0;  // while acquiring waits for a descriptor
  base::Nanos total_deadline_ = base::kNever;
  std::uint64_t used_tokens_ = 0;  // over all attempts
};

}  // namespace headrace::proxy
