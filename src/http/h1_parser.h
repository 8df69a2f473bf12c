// Strict, resumable HTTP/1.1 head parsers (RFC 9112). They work in place, keep offsets only, never allocate and
// never look at a byte twice: parse() is given all bytes of the message received so far and goes on where the
// last call stopped, so a head that arrives byte by byte costs no more than one that arrives whole.
//
// What is refused, never repaired: bare CR or LF, NUL and other control bytes, folded lines, space before the
// colon, empty or non-token names, both Content-Length and Transfer-Encoding, differing or malformed lengths,
// a transfer coding other than exactly `chunked`, Transfer-Encoding in HTTP/1.0, no Host or several.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "http/message.h"

namespace headrace::http {

enum class Parse : std::uint8_t { need_more, done, failed };

class H1RequestParser {
 public:
  void reset();

  // `text`: everything since the end of the previous message. On `failed`, error() says which reply is due
  // (Errc::bad_request, head_too_large, uri_too_long, unsupported_coding, misdirected, method_not_allowed).
  Parse parse(Bytes text);

  base::Errc error() const { return error_; }
  // True once the first byte of a request (not an empty line) was seen: a timeout then deserves a 408.
  bool started() const { return started_; }
  // REQUIRES: done. Bytes of `text` that the head took, empty lines before it included.
  std::size_t head_bytes() const { return position_; }
  // REQUIRES: done. The head, as views into `text` (the same bytes that parse() saw, wherever they are now).
  RequestHead head(Bytes text) const;
  const Fields& fields() const { return fields_; }

 private:
  // (private part is the implementation's)
  Fields fields_;
  std::size_t position_ = 0;
  base::Errc error_ = base::Errc::ok;
  bool started_ = false;
};

class H1ResponseParser {
 public:
  // `head_request`: the answer to HEAD has no body whatever its head says.
  void reset(bool head_request = false);
  // Interim answers (1xx) are reported as `done` with their status; the caller resets and goes on behind them.
  // 101 is an upstream_protocol error: nothing was upgraded.
  Parse parse(Bytes text);
  base::Errc error() const { return error_; }
  bool started() const { return position_ != 0; }
  std::size_t head_bytes() const { return position_; }
  ResponseHead head() const { return head_; }
  const Fields& fields() const { return fields_; }

 private:
  Fields fields_;
  ResponseHead head_;
  std::size_t position_ = 0;
  base::Errc error_ = base::Errc::ok;
};

}  // namespace headrace::http
