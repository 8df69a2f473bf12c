// The HTTP/2 half of a client connection: its session, and a request for every stream. ClientConn
// makes it when the client turns out to speak HTTP/2 (by ALPN, or by beginning with its preface),
// lends it the byte stream, and ends it with itself.
//
// What a turn's requests have to say leaves at the end of that turn, together. A client that is
// behind in one stream holds up that stream (its window), one that takes no bytes at all holds up
// the connection.
//
// It ends by GOAWAY: when it was idle for too long, when the worker drains and its last request is
// over, or because the client went too far (http/h2_counts.h). Then the connection lingers as one
// of HTTP/1.1 does behind its last answer.
//
// Owned by the worker's slab, one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/intrusive_list.h"
#include "config/snapshot.h"
#include "http/h2_server_session.h"
#include "io/io.h"
#include "proxy/h2_request.h"
#include "proxy/workshop.h"

namespace headrace::proxy {

class ClientConn;

class H2ClientConn final : public http::H2ServerOwner, private io::TurnEndOwner {
 public:
  H2ClientConn(Workshop& shop, ClientConn& conn, const config::Limits& limits);
  ~H2ClientConn();

  // -- from the connection
  void on_data(io::Slice slice);
  void on_sent() { due(); }
  // The client has ended its half, and may still read.
  void on_eof();
  void drain();
  void end_now();
  // One connection too many.
  void turn_away();
  // The connection closes: nothing is said any more. abandon() is due.
  void stop();
  // Every request is over, without a word.
  void abandon(base::Error why);

  // -- from its requests
  http::H2ServerSession& session() { return session_; }
  const config::Limits& limits() const { return limits_; }
  const net::PeerCertificate* certificate() const;
  // Frames wait; they leave when the turn ends.
  void due() {
    if (!over_) shop_.io.at_turn_end(*this);
  }
  // The request is over: the stream closed, the exchange settled.
  void end(H2Request& request);

  // -- events
  void on_h2_request(const http::RequestHead& head,
                     const http::Fields& fields,
                     base::Bytes text) override;
  void on_h2_bad_request(base::Errc fault) override;
  void on_h2_data(http::H2Stream& stream, io::Slice piece) override;
  void on_h2_end(http::H2Stream& stream) override;
  void on_h2_closed(http::H2Stream& stream, http::H2Code code) override;
  void on_h2_sent(http::H2Stream& stream) override;
  void on_timer();

 private:
  using RequestList = base::IntrusiveList<H2Request, &H2Request::link>;

  static H2Request& of(http::H2Stream& stream) { return static_cast<H2Request&>(stream); }

  void on_turn_end() override;
  void drop_unfinished();
  H2Request* accept();
  void push_out();
  void close_session(http::H2Code code, base::Error why);
  void note_head();
  void arm_timer();

  Workshop& shop_;
  ClientConn& conn_;
  const config::Limits& limits_;  // the connection's
  http::H2ServerSession session_;
  io::SliceQueue out_;
  RequestList requests_;
  io::Timer timer_;  // the nearest of idle end and head timeout
  base::Nanos idle_since_ = 0;
  base::Nanos head_since_ = 0;  // part of a head is here; 0: none
  std::uint64_t seen_ = 0;      // requests
  bool draining_ = false;       // ends with the last request
  bool over_ = false;
};

}  // namespace headrace::proxy
