// Where an answer goes: the client's side of an exchange, whatever protocol the client speaks.
// ClientConn implements it for HTTP/1.1; framing is the sink's business, never forwarded from the
// upstream.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "io/slice.h"

namespace headrace::api {

// How the end of the body is told to the client.
enum class BodyKind : std::uint8_t {
  length,  // exactly content_length bytes
  stream,  // open-ended: chunked, or until close towards an HTTP/1.0 client
};

struct AnswerHead {
  std::uint16_t status = 200;
  BodyKind kind = BodyKind::length;
  std::uint64_t content_length = 0;  // kind == length
  base::Bytes fields;                // finished field lines, each ending in CRLF
};

class AnswerSink {
 public:
  // Starts the answer. `first` is the beginning of the body (may be empty): the head is written in
  // front of it, into the same buffer where there is room.
  virtual void begin(const AnswerHead& head, io::Slice first) = 0;
  // More of the body, already whole events where it is a stream.
  virtual void body(io::Slice piece) = 0;
  // The answer is complete. Nothing follows from this exchange.
  virtual void finish() = 0;
  // The answer is broken and must not look complete.
  virtual void abort() = 0;
  // Bytes that the client has not taken yet.
  virtual std::size_t queued_bytes() const = 0;

 protected:
  ~AnswerSink() = default;
};

}  // namespace headrace::api
