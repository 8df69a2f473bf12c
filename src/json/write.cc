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

}  // namespace

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
