// Client: whom an exchange answers. It frames what the exchange says in the protocol of its
// connection; the exchange knows nothing of that, and it nothing of models or upstreams.
#pragma once

#include "api/answer_sink.h"
#include "net/peer_certificate.h"

namespace headrace::proxy {

class Client : public api::AnswerSink {
 public:
  // The exchange is over, or goes on without this client: it is not there any more.
  virtual void on_exchange_end() = 0;
  // The request is not the first of its connection.
  virtual bool used_before() const = 0;
  // The one that the client showed; null: none.
  virtual const net::PeerCertificate* certificate() const = 0;

 protected:
  ~Client() = default;
};

}  // namespace headrace::proxy
