#include "http/h1_writer.h"

#include <array>

#include "http/h1_scan.h"

namespace headrace::http {

namespace {

struct Phrase {
  std::uint16_t status;
  Bytes text;
};

constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
    {529, "Overloaded"},
};

constexpr std::uint16_t kFirstStatus = 100;
constexpr std::uint16_t kStatuses = 500;

// By status, so that an answer does not search.
constexpr auto kPhraseOf = [] {
  std::array<Bytes, kStatuses> phrases{};
  for (const Phrase& phrase : kPhrases) phrases[phrase.status - kFirstStatus] = phrase.text;
  return phrases;
}();

char* append(char* out, Bytes text) {
  return text.empty() ? out : base::write_bytes(out, text);
}

}  // namespace

Bytes reason_phrase(std::uint16_t status) {
  const unsigned index = unsigned{status} - kFirstStatus;
  return index < kPhraseOf.size() ? kPhraseOf[index] : Bytes();
}

char* H1Writer::reserve(std::size_t size) {
  if (overflow_ || size > static_cast<std::size_t>(end_ - next_)) {
    overflow_ = true;
    return nullptr;
  }
  char* const out = next_;
  next_ += size;
  return out;
}

void H1Writer::raw(Bytes bytes) {
  if (char* const out = reserve(bytes.size())) append(out, bytes);
}

void H1Writer::status_line(std::uint16_t status) {
  constexpr Bytes kVersion = "HTTP/1.1 ";
  const Bytes reason = reason_phrase(status);
  char* out = reserve(kVersion.size() + 3 + 1 + reason.size() + 2);
  if (out == nullptr) return;
  out = append(out, kVersion);
  *out++ = static_cast<char>('0' + status / 100 % 10);
  *out++ = static_cast<char>('0' + status / 10 % 10);
  *out++ = static_cast<char>('0' + status % 10);
  *out++ = ' ';
  out = append(out, reason);
  append(out, "\r\n");
}

void H1Writer::request_line(Bytes method, Bytes target) {
  constexpr Bytes kVersion = " HTTP/1.1\r\n";
  char* out = reserve(method.size() + 1 + target.size() + kVersion.size());
  if (out == nullptr) return;
  out = append(out, method);
  *out++ = ' ';
  out = append(out, target);
  append(out, kVersion);
}

void H1Writer::field(Bytes name, Bytes value) {
  if (scan::skip<scan::Value>(value, 0) != value.size()) return;
  char* out = reserve(name.size() + 2 + value.size() + 2);
  if (out == nullptr) return;
  out = append(out, name);
  *out++ = ':';
  *out++ = ' ';
  out = append(out, value);
  append(out, "\r\n");
}

void H1Writer::field(Bytes name, std::uint64_t value) {
  char digits[20];
  const char* const end = base::write_decimal(digits, value);
  field(name, Bytes(digits, static_cast<std::size_t>(end - digits)));
}

}  // namespace headrace::http
