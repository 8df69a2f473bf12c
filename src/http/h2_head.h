// H2Head: the decoded fields of one HTTP/2 head, gathered into the vocabulary of message.h: names
// and values one behind the other in a block, spans into it, and what the pseudo fields say. What
// nghttp2 checks (RFC 9113 section 8: names, values, pseudo fields, lengths, fields that belong to
// HTTP/1.1) is not checked again; what the rest of the program expects of a head that
// H1RequestParser let through is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "http/message.h"
#include "io/block_pool.h"

namespace headrace::http {

class H2Head {
 public:
  // A head begins. `kept` false: trailers, whose fields are only counted.
  void begin(bool kept);
  // False: so much that the connection must end. Above the limits of a head nothing is kept, and
  // the reader below says so.
  [[nodiscard]] bool add(Bytes name, Bytes value, io::BlockPool& blocks);
  void reset();

  // REQUIRES: begin(true), and everything was added. `ends`: no body follows. The views point into
  // text(). Errc::ok, or which refusal is due.
  base::Errc read_request(RequestHead& head, bool ends) const;
  base::Errc read_answer(ResponseHead& head, bool ends) const;

  const Fields& fields() const { return fields_; }
  Bytes text() const { return text_.view(); }

 private:
  struct Span {
    std::uint16_t begin = 0;
    std::uint16_t size = 0;
  };

  Bytes of(Span span) const { return text().substr(span.begin, span.size); }
  void reserve(std::size_t bytes, io::BlockPool& blocks);
  std::uint16_t append(Bytes bytes);  // REQUIRES: reserved
  void note_pseudo(Bytes name, Span value);
  base::Errc read_target(RequestHead& head) const;
  base::Errc read_host(RequestHead& head) const;
  base::Errc read_length(Framing& framing, std::uint64_t& length, bool ends) const;

  Fields fields_;
  io::Slice text_;
  Span method_;
  Span path_;
  Span authority_;
  Span status_;
  std::size_t bytes_ = 0;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  std::size_t count_ = 0;
  bool kept_ = false;
};

}  // namespace headrace::http
