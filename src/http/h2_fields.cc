#include "http/h2_fields.h"

#include "base/assert.h"

namespace headrace::http {
namespace {

// RFC 9113 section 8.2.2, and `host`, which becomes :authority.
constexpr std::array<Bytes, 8> kLeftOut = {"connection",
                                           "keep-alive",
                                           "proxy-connection",
                                           "transfer-encoding",
                                           "upgrade",
                                           "http2-settings",
                                           "te",
                                           "host"};
// Secrets stay out of compression tables, ours and the peer's.
constexpr std::array<Bytes, 6> kSecret = {
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization"};

// Never the same twice: in a compression table each would push out what comes again.
constexpr std::array<Bytes, 7> kOnce = {"x-headrace-request-id",
                                        "x-headrace-overhead-us",
                                        "server-timing",
                                        "x-request-id",
                                        "request-id",
                                        "traceparent",
                                        "idempotency-key"};

template <std::size_t Count>
bool is_one_of(Bytes name, const std::array<Bytes, Count>& names) {
  for (const Bytes known : names) {
    if (base::equals_lowered(name, known)) return true;
  }
  return false;
}

std::uint8_t* bytes_of(Bytes text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void H2FieldList::put(Bytes name, Bytes value, std::uint8_t flags) {
  HEADRACE_ASSERT(!full());
  fields_[count_++] = {.name = bytes_of(name),
                       .value = bytes_of(value),
                       .namelen = name.size(),
                       .valuelen = value.size(),
                       .flags = flags};
}

void H2FieldList::field(Bytes name, Bytes value) {
  if (is_one_of(name, kLeftOut)) return;
  const bool indexed = !is_one_of(name, kSecret) && !is_one_of(name, kOnce);
  put(name, value, !indexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
}

void H2FieldList::status(std::uint16_t code) {
  status_ = {static_cast<char>('0' + code / 100 % 10),
             static_cast<char>('0' + code / 10 % 10),
             static_cast<char>('0' + code % 10)};
  put(":status", {status_.data(), status_.size()});
}

// Cuts one line off the front of `text`.
bool H2FieldList::line(Bytes& text, Bytes& name, Bytes& value) {
  const std::size_t end = text.find("\r\n");
  if (end == Bytes::npos) return false;
  const Bytes whole = text.substr(0, end);
  text.remove_prefix(end + 2);
  const std::size_t colon = whole.find(':');
  if (colon == Bytes::npos) {
    name = {};
    value = whole;
    return true;
  }
  name = whole.substr(0, colon);
  value = base::trim_blanks(whole.substr(colon + 1));
  return true;
}

bool H2FieldList::lines(Bytes text) {
  Bytes name;
  Bytes value;
  while (!text.empty()) {
    if (!line(text, name, value) || name.empty() || full()) return false;
    field(name, value);
  }
  return true;
}

std::size_t H2FieldList::read_request(Bytes text, Bytes scheme) {
  const std::size_t whole = text.size();
  const std::size_t method_end = text.find(' ');
  if (method_end == Bytes::npos) return 0;
  const std::size_t target_end = text.find(' ', method_end + 1);
  const std::size_t line_end = text.find("\r\n");
  if (line_end == Bytes::npos || target_end == Bytes::npos || target_end > line_end) return 0;
  put(":method", text.substr(0, method_end));
  put(":scheme", scheme);
  put(":path", text.substr(method_end + 1, target_end - method_end - 1));
  // Pseudo fields come first; which authority it is stands somewhere behind.
  const std::size_t authority = count_;
  put(":authority", {});
  text.remove_prefix(line_end + 2);
  Bytes name;
  Bytes value;
  for (;;) {
    if (!line(text, name, value)) return 0;
    if (name.empty() && value.empty()) break;
    if (name.empty() || full()) return 0;
    if (base::equals_lowered(name, "host")) {
      fields_[authority].value = bytes_of(value);
      fields_[authority].valuelen = value.size();
    } else {
      field(name, value);
    }
  }
  return fields_[authority].valuelen == 0 ? 0 : whole - text.size();
}

}  // namespace headrace::http
