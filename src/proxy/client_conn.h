// One client connection. It speaks HTTP/1.1: takes requests apart, runs one exchange at a time in
// the order in which the requests came, and frames the answers; or it finds that the client speaks
// HTTP/2, and leaves that to its H2ClientConn. It knows nothing of models or upstreams; the
// exchange knows nothing of framing. Owned by the worker's slab, one thread.
//
// A connection ends in one of three ways: orderly when the client is done, by lingering after an
// answer that closes (what the client still sends is read and dropped for a while, so that a reset
// does not destroy the answer in flight), or cut when an answer must not look complete.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "api/error_body.h"
#include "config/snapshot.h"
#include "http/h1_body.h"
#include "http/h1_parser.h"
#include "io/gather.h"
#include "io/io.h"
#include "net/stream.h"
#include "proxy/client.h"
#include "proxy/request_body.h"
#include "proxy/workshop.h"

namespace headrace::proxy {

class ClientConn;

// Who made the connection and wants to know when it is gone.
class ClientConnOwner {
 public:
  virtual void on_client_closed(ClientConn& conn) = 0;

 protected:
  ~ClientConnOwner() = default;
};

class ClientConn final : public io::SocketOwner, public Client {
 public:
  ClientConn(Workshop& shop,
             ClientConnOwner& owner,
             const config::Limits& limits,
             const config::Listen& terms);
  ~ClientConn();

  void start(int fd, const net::TlsServer* tls = nullptr);  // null: plain
  // The worker drains: an idle connection closes, a busy one after its answer.
  void drain();
  // One connection too many: the reply says so, nothing is read.
  void turn_away();
  // Ends at once, whatever runs.
  void cut();
  // The drain is over: whatever runs gets its terminal error, then the connection ends.
  void end_now();

  // -- from the exchange, as its sink
  void begin(const api::AnswerHead& head, io::Slice first) override;
  void body(io::Slice piece) override;
  void finish() override;
  void abort() override;
  std::size_t queued_bytes() const override { return stream_.queued_bytes(); }
  void on_exchange_end() override;
  bool used_before() const override { return requests_ > 1; }
  const net::PeerCertificate* certificate() const override { return certificate_.get(); }

  // -- from its HTTP/2 half
  net::Stream& stream() { return stream_; }
  void arm_stall_timer();
  // Everything is said: our half ends behind it, and the client's is waited for.
  void linger();

  // -- events
  void on_connected(base::Status status) override;
  void on_data(io::Slice slice) override;
  void on_eof() override;
  void on_error(base::Error error) override;
  void on_sent() override;
  void on_closed() override;
  void on_timer();
  void on_stall_timer();

  base::ListLink link;  // the worker's list of connections

 private:
  enum class Phase : std::uint8_t {
    idle,       // between requests
    head,       // part of a request head is here
    body,       // the head was accepted, the body is coming
    exchange,   // the request is whole: the exchange runs
    http2,      // see h2_
    lingering,  // the last answer is out or going out; input is dropped
    closing,
  };

  void read(io::Slice slice);
  bool read_head(io::Slice& slice);
  bool read_preface(io::Slice& slice, base::Bytes text);
  bool read_body(io::Slice& slice);
  void accept_head(const http::RequestHead& head, base::Bytes text);
  void run();
  void refuse(base::Error error, const api::ErrorDetail& detail = {});
  void reply_bare(base::Error error, const api::ErrorDetail& detail);
  void hold_pipelined(io::Slice slice);
  void keep_ahead(io::Slice slice);
  void read_pipelined();
  void put_chunk(io::Slice piece);
  void arm_timer(base::Nanos deadline) { shop_.io.timers().schedule(timer_, deadline); }
  void await_client_end();
  void close(io::CloseHow how);
  void lose(base::Error why);
  bool begins_http2(base::Bytes text) const;
  void become_http2();

  Workshop& shop_;
  ClientConnOwner& owner_;
  const config::Limits limits_;  // those it began under: a reload may free the rest
  const config::HalfClose half_close_;
  std::array<char, 20> keep_alive_seconds_;  // as the keep-alive field says them
  std::size_t keep_alive_digits_ = 0;
  net::Stream stream_;
  std::unique_ptr<const net::PeerCertificate> certificate_;
  io::Timer timer_;        // of the phase: head, body, keep-alive, linger
  io::Timer stall_timer_;  // a client that does not read
  base::Nanos began_ = 0;  // the first byte of the request was reaped
  base::Nanos progress_at_ = 0;
  base::Nanos body_since_ = 0;
  Phase phase_ = Phase::idle;
  bool keep_alive_ = true;
  bool http10_ = false;
  bool answer_begun_ = false;
  bool chunked_ = false;
  bool eof_seen_ = false;
  bool reading_ = false;  // read() is on the stack: it goes on by itself
  bool shaking_ = false;  // TLS: the handshake is not through
  const bool takes_http2_;
  bool turned_away_ = false;  // to be told in the protocol that the handshake settles
  std::uint64_t requests_ = 0;
  std::size_t lingered_bytes_ = 0;
  std::size_t body_received_ = 0;

  http::H1RequestParser parser_;
  http::H1Body framing_;
  io::Gather gathered_head_;
  RequestBody request_body_;
  io::SliceQueue pipelined_;
  Exchange* exchange_ = nullptr;
  H2ClientConn* h2_ = nullptr;  // set once, when the client speaks HTTP/2
};

}  // namespace headrace::proxy
