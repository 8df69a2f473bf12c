// Writes HTTP/1.1 heads and chunk framing into a fixed span. Overflow is remembered, not written:
// ok() says whether everything fitted. Values are checked nowhere else: put_field() drops a value
// with control bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace headrace::http {

using base::Bytes;

Bytes reason_phrase(std::uint16_t status);

class H1Writer {
 public:
  H1Writer(char* begin, std::size_t capacity)
      : begin_(begin), next_(begin), end_(begin + capacity) {}

  void status_line(std::uint16_t status);         // HTTP/1.1 200 OK
  void request_line(Bytes method, Bytes target);  // POST /v1/... HTTP/1.1
  void field(Bytes name, Bytes value);            // skipped whole when the value has CTL bytes
  void field(Bytes name, std::uint64_t value);
  void raw(Bytes bytes);
  void end_head() { raw("\r\n"); }

  bool ok() const { return !overflow_; }
  std::size_t size() const { return static_cast<std::size_t>(next_ - begin_); }
  Bytes written() const { return {begin_, size()}; }

 private:
  // Room for `size` bytes, or nullptr when it is not there: then nothing more is written.
  char* reserve(std::size_t size);

  char* begin_;
  char* next_;
  char* end_;
  bool overflow_ = false;
};

}  // namespace headrace::http
