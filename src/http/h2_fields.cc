#include "http/h2_fields.h"

#include <algorithm>

#include "base/assert.h"

namespace headrace::http {
namespace {

enum class Kind : std::uint8_t {
  usual,
  left_out,  // RFC 9113 section 8.2.2, and `host`, which becomes :authority
  secret,    // stays out of compression tables, ours and the peer's
  once,      // so does what never comes twice: it would push out what does
};
struct Known {
  Bytes name;
  Kind kind;
};

// By length.
constexpr std::array<Known, 21> kKnown = {{
    {"te", Kind::left_out},
    {"host", Kind::left_out},
    {"cookie", Kind::secret},
    {"api-key", Kind::secret},
    {"upgrade", Kind::left_out},
    {"x-api-key", Kind::secret},
    {"connection", Kind::left_out},
    {"keep-alive", Kind::left_out},
    {"request-id", Kind::once},
    {"traceparent", Kind::once},
    {"x-request-id", Kind::once},
    {"authorization", Kind::secret},
    {"server-timing", Kind::once},
    {"http2-settings", Kind::left_out},
    {"x-goog-api-key", Kind::secret},
    {"idempotency-key", Kind::once},
    {"proxy-connection", Kind::left_out},
    {"transfer-encoding", Kind::left_out},
    {"proxy-authorization", Kind::secret},
    {"x-headrace-request-id", Kind::once},
    {"x-headrace-overhead-us", Kind::once},
}};
static_assert(std::ranges::is_sorted(kKnown, {}, [](const Known& known) {
  return known.name.size();
}));
constexpr std::size_t kLongest = kKnown.back().name.size();

// Where the names of each length begin.
constexpr std::array<std::uint8_t, kLongest + 2> kBegins = [] {
  std::array<std::uint8_t, kLongest + 2> begins{};
  std::uint8_t at = 0;
  for (std::size_t size = 0; size < begins.size(); ++size) {
    while (at < kKnown.size() && kKnown[at].name.size() < size) ++at;
    begins[size] = at;
  }
  return begins;
}();

Kind kind_of(Bytes name) {
  if (name.size() > kLongest) return Kind::usual;
  for (std::size_t i = kBegins[name.size()]; i < kBegins[name.size() + 1]; ++i) {
    if (base::equals_lowered(name, kKnown[i].name)) return kKnown[i].kind;
  }
  return Kind::usual;
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
  const Kind kind = kind_of(name);
  if (kind == Kind::left_out) return;
  const bool indexed = kind == Kind::usual || (kind == Kind::once && teaches_);
  put(name, value, indexed ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX);
}

void H2FieldList::status(std::uint16_t code) {
  status_ = {static_cast<char>('0' + code / 100 % 10),
             static_cast<char>('0' + code / 10 % 10),
             static_cast<char>('0' + code % 10)};
  put(":status", {status_.data(), status_.size()});
}

// Cuts one line off the front of `text`.
bool H2FieldList::line(Bytes& text, Bytes& name, Bytes& value) {
  const std::size_t end = text.find('\n');
  if (end == Bytes::npos || end == 0 || text[end - 1] != '\r') return false;
  const Bytes whole = text.substr(0, end - 1);
  text.remove_prefix(end + 1);
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
