#include "json/text.h"

#include "base/assert.h"

namespace headrace::json {
namespace {

// Appends characters to a fixed span; remembers when one did not fit.
class Characters {
 public:
  explicit Characters(std::span<char> out) : out_(out) {}

  void put(char c) {
    if (size_ == out_.size()) {
      overflow_ = true;
    } else {
      out_[size_++] = c;
    }
  }
  void put_code_point(std::uint32_t code) {
    const auto part = [code](int shift) {
      return static_cast<char>(0x80 | ((code >> shift) & 0x3F));
    };
    if (code < 0x80) {
      put(static_cast<char>(code));
      return;
    }
    if (code < 0x800) {
      put(static_cast<char>(0xC0 | (code >> 6)));
    } else {
      if (code < 0x10000) {
        put(static_cast<char>(0xE0 | (code >> 12)));
      } else {
        put(static_cast<char>(0xF0 | (code >> 18)));
        put(part(12));
      }
      put(part(6));
    }
    put(part(0));
  }
  std::optional<Bytes> written() const {
    if (overflow_) return std::nullopt;
    return Bytes{out_.data(), size_};
  }

 private:
  std::span<char> out_;
  std::size_t size_ = 0;
  bool overflow_ = false;
};

std::uint32_t four_hex(Bytes text) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 4 | static_cast<std::uint32_t>(base::hex_value(text[i]));
  }
  return value;
}

// `text` starts behind `\u`. Nullopt for a lone surrogate; else `text` moves behind the escape (or
// the pair).
std::optional<std::uint32_t> take_code_point(Bytes& text) {
  const std::uint32_t first = four_hex(text);
  text.remove_prefix(4);
  if (first < 0xD800 || first > 0xDFFF) return first;
  if (first > 0xDBFF || text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  const std::uint32_t second = four_hex(text.substr(2));
  if (second < 0xDC00 || second > 0xDFFF) return std::nullopt;
  text.remove_prefix(6);
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

char plain_escape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

// RFC 3629, the table of well-formed byte sequences: the first byte fixes the range of the second.
std::size_t utf8_size(Bytes text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return size;
}

std::optional<Bytes> unescape(Bytes quoted, std::span<char> scratch) {
  HEADRACE_ASSERT(quoted.size() >= 2);
  Bytes text = quoted.substr(1, quoted.size() - 2);
  if (text.find('\\') == Bytes::npos) return text;
  Characters out(scratch);
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      out.put(c);
      continue;
    }
    const char letter = text.front();
    text.remove_prefix(1);
    if (letter != 'u') {
      out.put(plain_escape(letter));
      continue;
    }
    const std::optional<std::uint32_t> code = take_code_point(text);
    if (!code) return std::nullopt;
    out.put_code_point(*code);
  }
  return out.written();
}

}  // namespace headrace::json
