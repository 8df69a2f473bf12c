// Heads of messages as spans, whichever protocol brought them. A head's spans are offsets into the
// bytes it was parsed from, so that the bytes may move (from a receive buffer into an owned block)
// while the head is still incomplete.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/limits.h"

namespace headrace::http {

using base::Bytes;

// How a body ends.
enum class Framing : std::uint8_t {
  none,         // no body follows
  length,       // content_length bytes
  chunked,      // chunks, last chunk, trailers
  until_close,  // the end of the connection (HTTP/1.1, answers only) or of the stream (HTTP/2)
};

struct FieldSpan {
  std::uint16_t name_begin = 0;
  std::uint16_t name_size = 0;
  std::uint16_t value_begin = 0;
  std::uint16_t value_size = 0;  // outer blanks removed
};

// The fields of a head, in order. `text` is what the offsets point into.
class Fields {
 public:
  std::size_t count() const { return count_; }
  Bytes name(std::size_t i, Bytes text) const {
    return text.substr(spans_[i].name_begin, spans_[i].name_size);
  }
  Bytes value(std::size_t i, Bytes text) const {
    return text.substr(spans_[i].value_begin, spans_[i].value_size);
  }
  // The first field of that (lower-case) name: its value, or a Bytes whose data() is null.
  Bytes find(Bytes lowered_name, Bytes text) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (base::equals_lowered(name(i, text), lowered_name)) return value(i, text);
    }
    return {};
  }

  void clear() { count_ = 0; }
  bool full() const { return count_ == spans_.size(); }
  void add(FieldSpan span) { spans_[count_++] = span; }

 private:
  std::array<FieldSpan, base::limits::kHeadFields> spans_;
  std::size_t count_ = 0;
};

// What a request head says once it is complete and legal. Views point into the parsed text.
struct RequestHead {
  Bytes method;  // as sent; case matters
  Bytes target;  // as sent
  Bytes path;   // origin-form path without the query ("/" for an absolute-form target without path)
  Bytes query;  // after '?', without it; empty when there is none
  Bytes host;   // the Host field (or the authority of an absolute-form target)
  std::uint8_t version_minor = 1;
  bool keep_alive = true;  // HTTP/1.1 unless `close`; HTTP/1.0 only with `keep-alive`
  bool expect_continue = false;
  bool wants_upgrade = false;  // Upgrade field present
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::uint8_t version_minor = 1;
  bool keep_alive = true;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
};

}  // namespace headrace::http
