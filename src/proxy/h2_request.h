// One request on a stream of an HTTP/2 client connection: takes the body, runs the exchange, and
// frames its answer. What ClientConn is to a request of HTTP/1.1, less the connection, which lives
// on whatever becomes of this. It ends when the stream is closed and the exchange is settled,
// whichever comes last. Owned by the workshop, which lends it to an H2ClientConn for each request
// anew: its queues keep their room.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/error_body.h"
#include "base/intrusive_list.h"
#include "http/h2_server_session.h"
#include "io/io.h"
#include "proxy/client.h"
#include "proxy/request_body.h"
#include "proxy/workshop.h"

namespace headrace::proxy {

class H2ClientConn;

class H2Request final : public Client, public http::H2Stream {
 public:
  explicit H2Request(Workshop& shop);
  ~H2Request();

  // -- from the connection, in this order; behind start() the stream is open
  void start(H2ClientConn& conn, bool used_before);
  void read_head(const http::RequestHead& head, const http::Fields& fields, base::Bytes text);
  // Instead: a head that deserves an error.
  void read_bad_head(base::Errc fault);
  void take_body(io::Slice piece);
  void end_body();
  // Some of the answer was framed.
  void note_sent();
  // The stream is closed, or the connection; this ends it.
  void go(base::Error why);
  // The drain is over: what runs gets its terminal error.
  void end_now();
  bool answer_begun() const { return answer_begun_; }

  // -- from the exchange, as its sink
  void begin(const api::AnswerHead& head, io::Slice first) override;
  void body(io::Slice piece) override;
  void finish() override;
  void abort() override;
  std::size_t queued_bytes() const override { return http::H2Stream::queued_bytes(); }
  void on_exchange_end() override;
  bool used_before() const override { return used_before_; }
  const net::PeerCertificate* certificate() const override;

  void on_body_timer();
  void on_stall_timer();

  base::ListLink link;  // the connection's

 private:
  void refuse(base::Error error, const api::ErrorDetail& detail = {});
  void reply_bare(base::Error error);
  void arm_stall_timer();
  void linger();
  void leave_early();
  void end();

  Workshop& shop_;
  H2ClientConn* conn_ = nullptr;
  Exchange* exchange_ = nullptr;
  RequestBody request_body_;
  io::Timer body_timer_;   // of the body; behind an early answer, of the wait for its end
  io::Timer stall_timer_;  // a client that gives no window
  base::Nanos body_since_ = 0;
  base::Nanos progress_at_ = 0;
  std::size_t body_received_ = 0;
  std::size_t lingered_bytes_ = 0;
  bool used_before_ = false;
  bool reading_ = false;    // the body is coming
  bool lingering_ = false;  // the answer is out, and it still comes
  bool answer_begun_ = false;
};

}  // namespace headrace::proxy
