// Finds the payload inside a message body: by length, by chunks or until the connection closes. In
// place and resumable at any byte; bounds on chunk sizes, extensions and trailers are in
// base/limits.h. Trailers are checked and dropped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "http/message.h"

namespace headrace::http {

class H1Body {
 public:
  enum class State : std::uint8_t {
    need_more,  // all input was used, the body goes on
    payload,    // `payload` bytes follow the `framing` bytes
    done,       // the body ended behind the `framing` bytes; then comes the next message
    failed,     // malformed: the connection is of no use any more
  };
  struct Step {
    State state;
    std::size_t framing;  // bytes of framing (or nothing) at the front of the input
    std::size_t payload;  // bytes of payload behind them
  };

  void start(Framing framing, std::uint64_t content_length);
  // One step over `input`; the caller drops framing + payload bytes from the front and calls again.
  Step next(Bytes input);

  bool done() const { return phase_ == Phase::done; }
  // Ends a body that runs until the connection closes. True when it is complete with that.
  bool finish_at_eof();
  // Only ever bad_request: body_too_large is the caller's to find.
  base::Errc error() const { return error_; }

 private:
  enum class Phase : std::uint8_t {
    length,
    until_close,
    size,
    extension_begin,  // behind ';'
    extension_name,
    extension_value,  // behind '='
    extension_token,
    extension_quoted,
    extension_escape,  // behind a backslash in quotes
    extension_end,     // behind the closing quote
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_line,
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
    done,
    failed,
  };

  Step take(Bytes input, std::size_t at);
  bool read(char c);
  bool read_size(char c);
  bool read_extension(char c);
  bool read_trailer(char c);
  bool go(Phase phase) {
    phase_ = phase;
    return true;
  }

  Phase phase_ = Phase::done;
  base::Errc error_ = base::Errc::ok;
  std::uint8_t size_digits_ = 0;
  std::uint8_t trailer_fields_ = 0;
  std::uint16_t extension_bytes_ = 0;  // of all chunks
  std::uint16_t trailer_bytes_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace headrace::http
