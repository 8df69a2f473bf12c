// Exchange: the life of one request, from its head to its record. THE story file is exchange.cc;
// every stage is named there, in order, and nowhere else (settle.cc only fills the records of the
// last one). Owned by its client connection, one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/chat_request.h"
#include "api/error_body.h"
#include "base/uuid.h"
#include "config/snapshot.h"
#include "http/message.h"
#include "meter/meter.h"
#include "proxy/attempt.h"
#include "proxy/endpoint.h"
#include "proxy/request_body.h"
#include "proxy/workshop.h"

namespace headrace::proxy {

class ClientConn;

class Exchange final : public AttemptOwner {
 public:
  // `began`: when the first byte of the request was reaped.
  Exchange(Workshop& shop, ClientConn& client, base::Nanos began);
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

  void answer_models();
  void reply(std::uint16_t status, base::Bytes fields, base::Bytes body);
  void reply_error(base::Error error);
  base::Bytes write_fields(char* out, std::size_t capacity, base::Bytes forwarded);
  void note_attempt(base::Error error);
  void note_request();
  void push(Record& record);
  void watch();
  void rename_model();
  std::uint32_t target_id() const;
  const config::Snapshot& snapshot() const { return live_->rules->snapshot; }

  Workshop& shop_;
  ClientConn& client_;
  Live* live_;
  const config::Route* route_ = nullptr;
  const config::Target* target_ = nullptr;
  RequestBody body_;
  std::uint32_t model_begin_ = 0;  // of the model's value in the body, quotes included
  std::uint32_t model_size_ = 0;
  io::Slice request_fields_;  // fields of the client's head that go on to the provider
  Attempt attempt_;
  io::Timer timer_;  // the nearest of the deadlines below
  meter::Meter meter_;
  api::ErrorDetail detail_;
  EndpointMatch endpoint_;
  base::Error error_{};
  base::Uuid id_;
  Phase phase_ = Phase::reading;
  bool stream_ = false;
  bool head_only_ = false;  // the answer to HEAD ends with its head
  std::uint8_t attempts_ = 0;
  std::uint8_t attempts_noted_ = 0;  // that have their record
  bool told_all_ = true;  // what the client got ends in this turn; else it was cut earlier
  bool fresh_ = false;    // the next attempt must not use a pooled connection
  std::uint16_t status_ = 0;
  base::Nanos began_ = 0;
  base::Nanos overhead_ = 0;
  base::Nanos total_deadline_ = base::kNever;
};

}  // namespace headrace::proxy
