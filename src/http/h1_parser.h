// Strict, resumable HTTP/1.1 head parsers (RFC 9112). They work in place, keep offsets only, never
// allocate and never look at a byte twice: parse() is given all bytes of the message received so
// far and goes on where the last call stopped, so a head that arrives byte by byte costs no more
// than one that arrives whole.
//
// What is refused, never repaired: bare CR or LF, NUL and other control bytes, folded lines, space
// before the colon, empty or non-token names, both Content-Length and Transfer-Encoding, differing
// or malformed lengths, a transfer coding other than exactly `chunked`, Transfer-Encoding in
// HTTP/1.0, no Host or several.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "http/h1_fields.h"
#include "http/message.h"

namespace headrace::http {

enum class Parse : std::uint8_t { need_more, done, failed };

class H1RequestParser {
 public:
  void reset();

  // `text`: everything since the end of the previous message. On `failed`, error() says which reply
  // is due (Errc::bad_request, head_too_large, uri_too_long, unsupported_coding, misdirected,
  // method_not_allowed).
  Parse parse(Bytes text);

  base::Errc error() const { return error_; }
  // True once the first byte of a request (not an empty line) was seen: a timeout then deserves a
  // 408.
  bool started() const { return started_; }
  // REQUIRES: done. Bytes of `text` that the head took, empty lines before it included.
  std::size_t head_bytes() const { return position_; }
  // REQUIRES: done. The head, as views into `text` (the same bytes that parse() saw, wherever they
  // are now).
  RequestHead head(Bytes text) const;
  const Fields& fields() const { return fields_; }

 private:
  enum class State : std::uint8_t {
    empty_lines,
    empty_lf,
    method,
    target,
    version,
    fields,
    done,
    failed
  };
  struct Span {
    std::uint16_t begin = 0;
    std::uint16_t size = 0;
    Bytes of(Bytes text) const { return text.substr(begin, size); }
  };

  // Stages of parse(): `done` means that the stage is, and that state_ says which is next.
  Parse skip_empty_lines(Bytes text);
  Parse parse_method(Bytes text);
  Parse parse_target(Bytes text);
  Parse parse_version(Bytes text);
  Parse parse_fields(Bytes text);

  Parse fail(base::Errc code);
  Parse need_more(Bytes text);
  bool accept_target(Bytes target);
  bool accept_field(Bytes text, const FieldSpan& span);
  bool accept_host(Bytes text, const FieldSpan& span);
  Parse finish(Bytes text);

  Fields fields_;
  FieldReader reader_;
  FramingFields framing_;
  std::size_t position_ = 0;  // everything before it was looked at
  std::size_t begin_ = 0;     // of the element being read
  Span method_;
  Span target_;
  Span authority_;  // empty unless the target is in absolute-form
  Span host_;       // the value of the Host field
  std::uint8_t empty_lines_ = 0;
  std::uint8_t version_minor_ = 1;
  State state_ = State::empty_lines;
  base::Errc error_ = base::Errc::ok;
  bool started_ = false;
  bool has_host_ = false;
  bool expect_continue_ = false;
  bool wants_upgrade_ = false;
};

class H1ResponseParser {
 public:
  // `head_request`: the answer to HEAD has no body whatever its head says.
  void reset(bool head_request = false);
  // Interim answers (1xx) are reported as `done` with their status; the caller resets and goes on
  // behind them. 101 is an upstream_protocol error: nothing was upgraded.
  Parse parse(Bytes text);
  base::Errc error() const { return error_; }
  bool started() const { return position_ != 0; }
  std::size_t head_bytes() const { return position_; }
  ResponseHead head() const { return head_; }
  const Fields& fields() const { return fields_; }

 private:
  enum class State : std::uint8_t { status, reason, status_lf, fields, done, failed };

  Parse fail();
  Parse need_more(Bytes text);
  Parse parse_status_line(Bytes text);  // `done`: the line is
  bool accept_status_byte(char c);
  bool accept_field(Bytes text, const FieldSpan& span);
  Parse finish();

  Fields fields_;
  FieldReader reader_;
  FramingFields framing_;
  ResponseHead head_;
  std::size_t position_ = 0;
  State state_ = State::status;
  base::Errc error_ = base::Errc::ok;
  bool head_request_ = false;
};

}  // namespace headrace::http
