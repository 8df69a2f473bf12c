// The parts that request and answer heads share: FieldReader finds one field line after the other,
// resumable at any byte; FramingFields collects what fields say about the body and the connection.
// Both belong to a parser of h1_parser.h. Nothing is repaired: a fault ends the message.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http/h1_scan.h"
#include "http/message.h"

namespace headrace::http {

class FieldReader {
 public:
  enum class Found : std::uint8_t { need_more, field, end, failed };

  void reset() { *this = FieldReader{}; }

  // Goes on at `position` and moves it behind what was read. `field`: `span` is set. `end`: the
  // empty line was read. REQUIRES: `text` ends below 64 KiB, so that offsets fit.
  Found next(Bytes text, std::size_t& position, FieldSpan& span) {
    switch (step_) {
      case Step::line:
        if (position == text.size()) return Found::need_more;
        if (text[position] == '\r') {
          ++position;
          step_ = Step::last_lf;
          return end(text, position);
        }
        name_begin_ = position;
        step_ = Step::name;
        [[fallthrough]];
      case Step::name:
        position = scan::skip<scan::Token>(text, position);
        if (position == text.size()) return Found::need_more;
        if (text[position] != ':' || position == name_begin_) return Found::failed;
        name_size_ = position++ - name_begin_;
        step_ = Step::blanks;
        [[fallthrough]];
      case Step::blanks:
        while (position < text.size() && base::is_blank(text[position])) ++position;
        if (position == text.size()) return Found::need_more;
        value_begin_ = position;
        step_ = Step::value;
        [[fallthrough]];
      case Step::value:
        position = scan::skip<scan::Value>(text, position);
        if (position == text.size()) return Found::need_more;
        if (text[position] != '\r') return Found::failed;
        value_end_ = position++;
        step_ = Step::line_lf;
        [[fallthrough]];
      case Step::line_lf:
        if (position == text.size()) return Found::need_more;
        if (text[position++] != '\n') return Found::failed;
        step_ = Step::line;
        break;
      case Step::last_lf:
        return end(text, position);
    }
    while (value_end_ > value_begin_ && base::is_blank(text[value_end_ - 1])) --value_end_;
    span.name_begin = static_cast<std::uint16_t>(name_begin_);
    span.name_size = static_cast<std::uint16_t>(name_size_);
    span.value_begin = static_cast<std::uint16_t>(value_begin_);
    span.value_size = static_cast<std::uint16_t>(value_end_ - value_begin_);
    return Found::field;
  }

 private:
  enum class Step : std::uint8_t { line, name, blanks, value, line_lf, last_lf };

  static Found end(Bytes text, std::size_t& position) {
    if (position == text.size()) return Found::need_more;
    return text[position++] == '\n' ? Found::end : Found::failed;
  }

  Step step_ = Step::line;
  std::size_t name_begin_ = 0;
  std::size_t name_size_ = 0;
  std::size_t value_begin_ = 0;
  std::size_t value_end_ = 0;
};

struct FramingFields {
  enum class Coding : std::uint8_t { none, chunked, unknown };

  std::uint64_t content_length = 0;
  bool has_length = false;
  Coding coding = Coding::none;
  bool close = false;
  bool keep_alive = false;

  // Each takes the value of a field of that name; false when the message must be refused.
  bool on_content_length(Bytes value);
  bool on_transfer_encoding(Bytes value);
  void on_connection(Bytes value);

  bool persists(std::uint8_t version_minor) const {
    return !close && (version_minor != 0 || keep_alive);
  }
  // Both lengths, or chunks in HTTP/1.0, are how messages get smuggled.
  bool contradictory(std::uint8_t version_minor) const {
    return coding != Coding::none && (has_length || version_minor == 0);
  }
  Framing framing(Framing without) const {
    if (coding == Coding::chunked) return Framing::chunked;
    return has_length ? Framing::length : without;
  }
};

}  // namespace headrace::http
