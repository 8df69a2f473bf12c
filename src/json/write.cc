#include "json/write.h"

#include <cstring>

#include "json/text.h"

namespace headrace::json {
namespace {

constexpr Bytes kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// The letter of a two-character escape, or 0.
char short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

bool is_plain(char c) {
  return static_cast<unsigned char>(c - 0x20) < 0x7F - 0x20 && c != '"' && c != '\\';
}

// Eight bytes at once: one is not plain when its high bit is set, when it is below a blank, or when
// it is one of three.
bool is_plain_word(const char* text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto has = [](std::uint64_t word, std::uint64_t byte) {
    const std::uint64_t zero = word ^ (kOnes * byte);
    return (zero - kOnes) & ~zero & kHighs;
  };
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  const std::uint64_t below = (word - kOnes * 0x20) & ~word & kHighs;
  return ((word & kHighs) | below | has(word, '"') | has(word, '\\') | has(word, 0x7F)) == 0;
}

}  // namespace

std::size_t plain_size(Bytes text) {
  std::size_t size = 0;
  for (; size + 8 <= text.size(); size += 8) {
    if (!is_plain_word(text.data() + size)) break;
  }
  // The rest of a text that has eight bytes at all is looked at together with those before it.
  const bool short_rest = size + 8 > text.size() && text.size() >= 8;
  if (short_rest && is_plain_word(text.data() + text.size() - 8)) return text.size();
  while (size < text.size() && is_plain(text[size])) ++size;
  return size;
}

void Writer::raw(Bytes bytes) {
  if (overflow_ || bytes.size() > static_cast<std::size_t>(end_ - next_)) {
    overflow_ = true;
    return;
  }
  next_ = base::write_bytes(next_, bytes);
}

void Writer::before_value() {
  if (comma_due_) raw(",");
  comma_due_ = true;
}

void Writer::begin_object() {
  before_value();
  raw("{");
  comma_due_ = false;
}

void Writer::end_object() {
  raw("}");
  comma_due_ = true;
}

void Writer::key(Bytes name) {
  string(name);
  raw(":");
  comma_due_ = false;
}

void Writer::string(Bytes text) {
  begin_string();
  append(text);
  end_string();
}

void Writer::number(std::uint64_t value) {
  before_value();
  append(value);
}

void Writer::null() {
  before_value();
  raw("null");
}

void Writer::begin_string() {
  before_value();
  raw("\"");
}

void Writer::end_string() {
  raw("\"");
}

void Writer::append(std::uint64_t value) {
  char digits[20];
  char* const end = base::write_decimal(digits, value);
  raw({digits, static_cast<std::size_t>(end - digits)});
}

void Writer::append(Bytes text) {
  while (!text.empty() && !overflow_) {
    if (const std::size_t plain = plain_size(text); plain != 0) {
      raw(text.substr(0, plain));
      text.remove_prefix(plain);
      continue;
    }
    const std::size_t size = utf8_size(text);
    if (size == 0) {
      raw(kReplacement);
      text.remove_prefix(1);
      continue;
    }
    if (size == 1) {
      character(text.front());
    } else {
      raw(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
}

// One ASCII character. DEL is escaped too, which keeps our own words printable on any terminal.
void Writer::character(char c) {
  if (const char letter = short_escape(c); letter != 0) {
    const char pair[] = {'\\', letter};
    raw({pair, sizeof(pair)});
  } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
    raw({&c, 1});
  } else {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto value = static_cast<unsigned char>(c);
    const char escape[] = {'\\', 'u', '0', '0', kDigits[value >> 4], kDigits[value & 15]};
    raw({escape, sizeof(escape)});
  }
}

}  // namespace headrace::json
