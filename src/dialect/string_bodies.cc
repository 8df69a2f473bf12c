#include "dialect/string_bodies.h"

namespace headrace::dialect {

bool read_data_url(Bytes body, DataUrl& url) {
  constexpr Bytes kScheme = "data:";
  constexpr Bytes kCoding = ";base64,";
  if (body.substr(0, kScheme.size()) != kScheme) return false;
  const std::size_t at = body.substr(0, 256).find(kCoding);
  if (at == Bytes::npos || at == kScheme.size()) return false;
  url = {body.substr(kScheme.size(), at - kScheme.size()), body.substr(at + kCoding.size())};
  return !url.data.empty();
}

bool is_https(Bytes body) {
  return body.substr(0, 8) == "https://" || body.substr(0, 10) == "https:\\/\\/";
}

bool is_pdf(Bytes media_type) {
  return media_type == "application/pdf" || media_type == "application\\/pdf";
}

Bytes without_trailing_blanks(Bytes body) {
  while (!body.empty()) {
    const std::size_t size = body.size();
    if (body.back() == ' ') {
      body.remove_suffix(1);
      continue;
    }
    const bool letter = Bytes("nrt").find(body.back()) != Bytes::npos;
    if (size < 2 || !letter || body[size - 2] != '\\') break;
    // An even number of backslashes in front is text, and so is the letter.
    std::size_t slashes = 0;
    while (slashes < size - 1 && body[size - 2 - slashes] == '\\') ++slashes;
    if (slashes % 2 == 0) break;
    body.remove_suffix(2);
  }
  return body;
}

}  // namespace headrace::dialect
