#include "http/h1_body.h"

#include <algorithm>

#include "base/limits.h"
#include "http/h1_scan.h"

namespace headrace::http {

void H1Body::start(Framing framing, std::uint64_t content_length) {
  *this = H1Body{};
  switch (framing) {
    case Framing::none:
      break;
    case Framing::length:
      left_ = content_length;
      phase_ = left_ == 0 ? Phase::done : Phase::length;
      break;
    case Framing::chunked:
      phase_ = Phase::size;
      break;
    case Framing::until_close:
      left_ = UINT64_MAX;
      phase_ = Phase::until_close;
      break;
  }
}

bool H1Body::finish_at_eof() {
  if (phase_ == Phase::until_close) phase_ = Phase::done;
  return done();
}

H1Body::Step H1Body::next(Bytes input) {
  std::size_t at = 0;
  for (;;) {
    switch (phase_) {
      case Phase::done:
        return {State::done, at, 0};
      case Phase::failed:
        return {State::failed, at, 0};
      default:
        break;
    }
    if (at == input.size()) return {State::need_more, at, 0};
    if (phase_ <= Phase::until_close || phase_ == Phase::data) return take(input, at);
    if (read(input[at])) {
      ++at;
    } else {
      phase_ = Phase::failed;
      error_ = base::Errc::bad_request;
    }
  }
}

// Payload from `at` on. REQUIRES: at least one byte of it.
H1Body::Step H1Body::take(Bytes input, std::size_t at) {
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
  if (phase_ != Phase::until_close) {
    left_ -= size;
    if (left_ == 0) phase_ = phase_ == Phase::length ? Phase::done : Phase::data_cr;
  }
  return {State::payload, at, size};
}

// One byte of chunk framing; false when it is not legal there.
bool H1Body::read(char c) {
  switch (phase_) {
    case Phase::size:
      return read_size(c);
    case Phase::size_lf:
      size_digits_ = 0;
      return c == '\n' && go(left_ == 0 ? Phase::trailer_line : Phase::data);
    case Phase::data_cr:
      return c == '\r' && go(Phase::data_lf);
    case Phase::data_lf:
      return c == '\n' && go(Phase::size);
    case Phase::trailer_line:
    case Phase::trailer_name:
    case Phase::trailer_value:
    case Phase::trailer_lf:
    case Phase::last_lf:
      return read_trailer(c);
    default:
      return read_extension(c);
  }
}

bool H1Body::read_size(char c) {
  const int digit = base::hex_value(c);
  if (digit >= 0) {
    if (size_digits_ == base::limits::kChunkSizeDigits) return false;
    ++size_digits_;
    left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
    return true;
  }
  if (size_digits_ == 0) return false;
  if (c == '\r') return go(Phase::size_lf);
  return c == ';' && read_extension(c);
}

// *( ";" name [ "=" ( token / quoted-string ) ] ). RFC 9112 section 7.1.1 lets a recipient meet
// blanks around the punctuation; nobody sends them and parsers differ on them, so they are refused.
bool H1Body::read_extension(char c) {
  if (++extension_bytes_ > base::limits::kChunkExtensionBytes) return false;
  const bool token = scan::Token::has(c);
  switch (phase_) {
    case Phase::extension_begin:
      return token && go(Phase::extension_name);
    case Phase::extension_name:
      if (token) return true;
      if (c == '=') return go(Phase::extension_value);
      break;
    case Phase::extension_value:
      if (c == '"') return go(Phase::extension_quoted);
      return token && go(Phase::extension_token);
    case Phase::extension_token:
      if (token) return true;
      break;
    case Phase::extension_quoted:
      if (c == '"') return go(Phase::extension_end);
      if (c == '\\') return go(Phase::extension_escape);
      return scan::Value::has(c);
    case Phase::extension_escape:
      return scan::Value::has(c) && go(Phase::extension_quoted);
    default:
      break;
  }
  if (c == '\r') return go(Phase::size_lf);
  return c == ';' && go(Phase::extension_begin);
}

bool H1Body::read_trailer(char c) {
  if (++trailer_bytes_ > base::limits::kTrailerBytes) return false;
  switch (phase_) {
    case Phase::trailer_line:
      if (c == '\r') return go(Phase::last_lf);
      if (!scan::Token::has(c) || trailer_fields_ == base::limits::kTrailerFields) return false;
      ++trailer_fields_;
      return go(Phase::trailer_name);
    case Phase::trailer_name:
      if (c == ':') return go(Phase::trailer_value);
      return scan::Token::has(c);
    case Phase::trailer_value:
      if (c == '\r') return go(Phase::trailer_lf);
      return scan::Value::has(c);
    case Phase::trailer_lf:
      return c == '\n' && go(Phase::trailer_line);
    default:
      return c == '\n' && go(Phase::done);
  }
}

}  // namespace headrace::http
