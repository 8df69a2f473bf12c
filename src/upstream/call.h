// Call: one request on its way to a provider, and its answer coming back: what an attempt holds,
// whichever protocol carries it (an HTTP/1.1 connection, or a stream of an HTTP/2 connection). Lent
// by Pool::acquire(); it goes its own way after the last event, or after cancel().
#pragma once

#include "base/error.h"
#include "base/time.h"
#include "http/message.h"
#include "io/slice.h"

namespace headrace::upstream {

// When a request reached the wire, by the clock and not by the turn; 0: not yet. Written while it
// runs, so that it stays known however it ends.
struct WireStamps {
  base::Nanos connected = 0;     // its first byte was handed to send
  base::Nanos request_sent = 0;  // its last byte was handed to the kernel
  base::Nanos tls_began = 0;     // the handshake that ended at `connected`; 0: plain, or reused
};

// A request ready for the wire, in up to three pieces, in order. The head ends within the first,
// which lies in a buffer: HTTP/2 wants its names in lower case, and makes them so where they are.
struct WireRequest {
  io::Slice first;
  io::Slice second;
  io::Slice third;
};

// The events of one answer, in order: one head, pieces, then exactly one of end and failed. After
// those two the connection has gone its way and the attempt must not touch it again.
class AnswerOwner {
 public:
  virtual void on_answer_head(const http::ResponseHead& head,
                              const http::Fields& fields,
                              base::Bytes text) = 0;
  // Payload without the upstream's framing, whose bytes are now head- and tailroom of the slice.
  virtual void on_answer_body(io::Slice piece) = 0;
  virtual void on_answer_end() = 0;
  virtual void on_answer_failed(base::Error error) = 0;

  WireStamps wire;

 protected:
  ~AnswerOwner() = default;
};

class Call {
 public:
  // Sends a request as soon as there is a connection, and reports its answer to `owner`. Its head
  // is one of HTTP/1.1, whatever it leaves in. No event comes from inside. REQUIRES: once.
  virtual void send(AnswerOwner& owner, WireRequest request) = 0;
  // The attempt is over before its answer: the provider learns of it in this turn. No event
  // follows.
  virtual void cancel() = 0;
  // The answer is not taken as fast as it comes.
  virtual void pause() = 0;
  virtual void resume() = 0;

  virtual bool paused() const = 0;
  // The connection was there before this request.
  virtual bool reused() const = 0;
  virtual bool connected() const = 0;

 protected:
  ~Call() = default;
};

}  // namespace headrace::upstream
