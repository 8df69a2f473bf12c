#include "api/json_builder.h"

#include <array>
#include <utility>

#include "base/assert.h"
#include "json/text.h"

namespace headrace::api {
namespace {

constexpr std::size_t kFirstBytes = 1000;
constexpr Bytes kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// The letter of a two-character escape, or 0.
char short_escape(char c) {
  constexpr Bytes kPlain = "\"\\\b\f\n\r\t";
  constexpr Bytes kLetters = "\"\\bfnrt";
  const std::size_t at = kPlain.find(c);
  return at == Bytes::npos ? '\0' : kLetters[at];
}

char behind_escape(char letter) {
  switch (letter) {
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
      return letter;
  }
}

std::uint32_t four_hex(Bytes text) {
  std::uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    value = value << 4 | static_cast<std::uint32_t>(base::hex_value(c));
  }
  return value;
}

// The size of the escape (or pair of escapes) in front of `text` that stands for one character.
std::size_t unicode_escape_size(Bytes text) {
  constexpr std::size_t kOne = 6;
  const std::uint32_t first = four_hex(text.substr(2));
  if (first < 0xD800 || first > 0xDBFF || text.size() < 2 * kOne || text.substr(kOne, 2) != "\\u") {
    return kOne;
  }
  const std::uint32_t second = four_hex(text.substr(kOne + 2));
  return second < 0xDC00 || second > 0xDFFF ? kOne : 2 * kOne;
}

}  // namespace

void JsonBuilder::grow(std::size_t more) {
  const std::size_t wanted = size_ + more;
  std::size_t bytes = capacity_ == 0 ? kFirstBytes : capacity_ * 2;
  if (bytes < wanted) bytes = wanted;
  io::Slice block = pool_.take(bytes);
  if (size_ != 0) std::memcpy(block.buffer()->base, data_, size_);
  block_ = std::move(block);
  data_ = block_.buffer()->base;
  capacity_ = block_.buffer()->capacity;
}

io::Slice JsonBuilder::take() {
  if (data_ == nullptr) return {};
  io::Slice slice(*block_.buffer(), data_, size_);
  slice.set_tailroom(capacity_ - size_);
  block_.reset();
  data_ = nullptr;
  size_ = capacity_ = 0;
  return slice;
}

void JsonBuilder::cut(std::size_t size) {
  HEADRACE_ASSERT(size <= size_);
  size_ = size;
}

void JsonBuilder::number(std::uint64_t value) {
  std::array<char, 20> digits;
  char* const end = base::write_decimal(digits.data(), value);
  raw(Bytes(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void JsonBuilder::comma() {
  if (size_ == 0) return;
  const char last = data_[size_ - 1];
  if (last != '{' && last != '[') raw(',');
}

void JsonBuilder::key(Bytes name) {
  comma();
  raw('"');
  raw(name);
  raw("\":");
}

void JsonBuilder::member(Bytes name, Bytes body) {
  key(name);
  raw('"');
  raw(body);
  raw('"');
}

void JsonBuilder::text(Bytes plain) {
  while (!plain.empty()) {
    const std::size_t size = json::utf8_size(plain);
    if (size == 0) {
      raw(kReplacement);
      plain.remove_prefix(1);
      continue;
    }
    const char c = plain.front();
    if (const char letter = size == 1 ? short_escape(c) : '\0'; letter != '\0') {
      raw('\\');
      raw(letter);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr Bytes kDigits = "0123456789abcdef";
      raw("\\u00");
      raw(kDigits[static_cast<unsigned char>(c) >> 4]);
      raw(kDigits[static_cast<unsigned char>(c) & 15]);
    } else {
      raw(plain.substr(0, size));
    }
    plain.remove_prefix(size);
  }
}

void JsonBuilder::compact(Bytes json) {
  reserve(json.size());
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\') {
      data_[size_++] = c;
      data_[size_++] = json[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    data_[size_++] = c;
  }
}

void JsonBuilder::embed(Bytes json) {
  reserve(json.size() * 2);
  bool in_string = false;
  bool escaped = false;
  for (const char c : json) {
    if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    if (c == '"' && !escaped) in_string = !in_string;
    escaped = c == '\\' && !escaped;
    if (c == '"' || c == '\\') data_[size_++] = '\\';
    data_[size_++] = c;
  }
}

// Arguments of tools are mostly short runs between escapes: byte by byte beats a search for each.
void JsonBuilder::unescaped(Bytes body) {
  reserve(body.size());
  while (!body.empty()) {
    if (body.front() != '\\') {
      data_[size_++] = body.front();
      body.remove_prefix(1);
    } else if (body[1] != 'u') {
      data_[size_++] = behind_escape(body[1]);
      body.remove_prefix(2);
    } else {
      body.remove_prefix(unescaped_unicode(body));
    }
  }
}

// The escape in front of `body`, or the pair. Returns its size.
std::size_t JsonBuilder::unescaped_unicode(Bytes body) {
  const std::size_t size = unicode_escape_size(body);
  const Bytes escape = body.substr(0, size);
  std::array<char, 14> quoted;
  quoted[0] = quoted[size + 1] = '"';
  escape.copy(quoted.data() + 1, size);
  std::array<char, 4> character;
  raw(json::unescape({quoted.data(), size + 2}, character).value_or(escape));
  return size;
}

}  // namespace headrace::api
