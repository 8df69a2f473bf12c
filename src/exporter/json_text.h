// JsonText: JSON of any length, written front to back into a string that grows: the lines of the
// audit and of the dictionary. For the exporter's and the control thread; the data path has
// json::Writer. Commas are its business, the nesting is the caller's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "json/write.h"

namespace headrace::exporter {

class JsonText {
 public:
  using Bytes = base::Bytes;
  // Room at once for a line of the audit.
  static constexpr std::size_t kRoom = 2000;

  JsonText() { text_.reserve(kRoom); }

  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_list() { return open('['); }
  JsonText& end_list() { return close(']'); }

  // A name of ours: nothing in it needs escaping.
  JsonText& key(Bytes name) {
    char quoted[64];
    if (name.size() + 4 > sizeof quoted) return long_key(name);
    char* next = quoted;
    if (comma_due_) *next++ = ',';
    *next++ = '"';
    next = base::write_bytes(base::write_bytes(next, name), "\":");
    text_.append(quoted, next);
    comma_due_ = false;
    return *this;
  }
  // Any bytes: what is not UTF-8 becomes U+FFFD.
  JsonText& string(Bytes text) {
    comma();
    if (json::plain_size(text) == text.size()) {
      text_.append(1, '"').append(text).append(1, '"');
      comma_due_ = true;
      return *this;
    }
    for (bool first = true; first || !text.empty(); first = false) put_piece(text, first);
    text_ += '"';
    comma_due_ = true;
    return *this;
  }
  JsonText& number(std::uint64_t value) { return digits(value, false); }
  JsonText& number(std::int64_t value) {
    const auto magnitude = static_cast<std::uint64_t>(value);
    return value < 0 ? digits(0 - magnitude, true) : digits(magnitude, false);
  }
  JsonText& number(std::uint32_t value) { return number(std::uint64_t{value}); }
  JsonText& boolean(bool value) { return word(value ? "true" : "false"); }

  std::size_t size() const { return text_.size(); }
  // The document so far and a line end; nothing is left here.
  std::string take_line() {
    text_ += '\n';
    comma_due_ = false;
    return std::exchange(text_, {});
  }
  // The same at the end of `lines`; the room stays here.
  void move_line(std::string& lines) {
    text_ += '\n';
    comma_due_ = false;
    lines += text_;
    text_.clear();
  }

 private:
  // A byte becomes at most six, so a piece always fits; it ends before a character, not inside.
  static constexpr std::size_t kPiece = 256;

  void put_piece(Bytes& text, bool first) {
    std::size_t length = std::min(text.size(), kPiece);
    while (length < text.size() && length > kPiece - 4 &&
           (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) {
      --length;
    }
    char buffer[6 * kPiece + 2];
    json::Writer writer(buffer);
    writer.string(text.substr(0, length));
    const Bytes quoted = writer.written();
    text_.append(first ? quoted.substr(0, quoted.size() - 1) : quoted.substr(1, quoted.size() - 2));
    text.remove_prefix(length);
  }
  JsonText& long_key(Bytes name) {
    comma();
    text_.append(1, '"').append(name).append("\":");
    comma_due_ = false;
    return *this;
  }
  JsonText& digits(std::uint64_t value, bool negative) {
    char text[24];
    char* next = text;
    if (comma_due_) *next++ = ',';
    if (negative) *next++ = '-';
    text_.append(text, base::write_decimal(next, value));
    comma_due_ = true;
    return *this;
  }
  JsonText& open(char bracket) {
    comma();
    text_ += bracket;
    comma_due_ = false;
    return *this;
  }
  JsonText& close(char bracket) {
    text_ += bracket;
    comma_due_ = true;
    return *this;
  }
  JsonText& word(Bytes text) {
    comma();
    text_.append(text);
    comma_due_ = true;
    return *this;
  }
  void comma() {
    if (comma_due_) text_ += ',';
  }

  std::string text_;
  bool comma_due_ = false;
};

}  // namespace headrace::exporter
