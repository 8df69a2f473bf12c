// JsonText: JSON of any length, written front to back into room that grows: the lines of the audit
// and of the dictionary. For the exporter's and the control thread; the data path has json::Writer.
// Commas are its business, the nesting is the caller's. A line is written for every request, beside
// the worker where there is one CPU only: so what is ours is copied in fixed sizes, unchecked but
// for the room.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "json/write.h"

namespace headrace::exporter {

// A member's name of ours, made when it is compiled. Nothing in it needs escaping.
class JsonKey {
 public:
  static constexpr std::size_t kBytes = 32;  // copied at once

  template <std::size_t N>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is a key
  consteval JsonKey(const char (&name)[N]) : size_(N + 3) {
    static_assert(N + 3 <= kBytes, "a longer name needs more room");
    char* next = text_.data();
    *next++ = ',';
    *next++ = '"';
    next = std::copy(name, name + N - 1, next);
    *next++ = '"';
    *next++ = ':';
  }

  constexpr base::Bytes name() const { return {text_.data() + 2, size_ - 4}; }

  // Copies all of `kBytes`; the end of the key itself.
  char* write(char* out, bool comma) const {
    const std::size_t skipped = comma ? 0 : 1;
    std::memcpy(out, text_.data() + skipped, kBytes);
    return out + size_ - skipped;
  }

 private:
  std::array<char, kBytes + 1> text_{};
  std::size_t size_;
};

class JsonText {
 public:
  using Bytes = base::Bytes;
  // Room at once for a line of the audit.
  static constexpr std::size_t kRoom = 4096;

  JsonText() : room_(new char[kRoom]), next_(room_.get()), end_(next_ + kRoom) {}

  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_list() { return open('['); }
  JsonText& end_list() { return close(']'); }

  JsonText& key(const JsonKey& name) {
    next_ = name.write(room(JsonKey::kBytes), comma_due_);
    comma_due_ = false;
    return *this;
  }
  // Any bytes: what is not UTF-8 becomes U+FFFD.
  JsonText& string(Bytes text) {
    if (json::plain_size(text) == text.size()) return plain(text);
    comma();
    for (bool first = true; first || !text.empty(); first = false) put_piece(text, first);
    *room(1) = '"';
    ++next_;
    comma_due_ = true;
    return *this;
  }
  // A string in which nothing needs escaping.
  JsonText& plain(Bytes text) {
    char* out = room(text.size() + 3);
    *out = ',';
    out += comma_due_ ? 1 : 0;
    *out++ = '"';
    out = base::write_bytes(out, text);
    *out++ = '"';
    next_ = out;
    comma_due_ = true;
    return *this;
  }
  JsonText& number(std::uint64_t value) { return digits(value, false); }
  JsonText& number(std::int64_t value) {
    const auto magnitude = static_cast<std::uint64_t>(value);
    return value < 0 ? digits(0 - magnitude, true) : digits(magnitude, false);
  }
  JsonText& number(std::uint32_t value) { return number(std::uint64_t{value}); }

  // The document so far and a line end, at the end of `lines`; nothing is left here but the room.
  void move_line(std::string& lines) {
    *room(1) = '\n';
    ++next_;
    comma_due_ = false;
    lines.append(room_.get(), next_);
    next_ = room_.get();
  }

 private:
  // A byte becomes at most six, so a piece always fits; it ends before a character, not inside.
  static constexpr std::size_t kPiece = 256;

  // `size` bytes at next_.
  char* room(std::size_t size) {
    if (static_cast<std::size_t>(end_ - next_) < size) grow(size);
    return next_;
  }
  void grow(std::size_t size) {
    const auto used = static_cast<std::size_t>(next_ - room_.get());
    const std::size_t more =
        std::max(2 * static_cast<std::size_t>(end_ - room_.get()), used + size);
    std::unique_ptr<char[]> larger(new char[more]);
    std::memcpy(larger.get(), room_.get(), used);
    room_ = std::move(larger);
    next_ = room_.get() + used;
    end_ = room_.get() + more;
  }
  void put(Bytes bytes) { next_ = base::write_bytes(room(bytes.size()), bytes); }

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
    put(first ? quoted.substr(0, quoted.size() - 1) : quoted.substr(1, quoted.size() - 2));
    text.remove_prefix(length);
  }
  JsonText& digits(std::uint64_t value, bool negative) {
    char* out = room(base::kDecimalBytes + 2);
    *out = ',';
    out += comma_due_ ? 1 : 0;
    *out = '-';
    out += negative ? 1 : 0;
    next_ = base::write_decimal(out, value);
    comma_due_ = true;
    return *this;
  }
  JsonText& open(char bracket) {
    char* const out = room(2);
    out[0] = ',';
    out[comma_due_ ? 1 : 0] = bracket;
    next_ = out + (comma_due_ ? 2 : 1);
    comma_due_ = false;
    return *this;
  }
  JsonText& close(char bracket) {
    *room(1) = bracket;
    ++next_;
    comma_due_ = true;
    return *this;
  }
  void comma() {
    if (comma_due_) put(",");
  }

  std::unique_ptr<char[]> room_;
  char* next_;
  char* end_;
  bool comma_due_ = false;
};

}  // namespace headrace::exporter
