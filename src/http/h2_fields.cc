#include "http/h2_fields.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "http/h1_scan.h"

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

// REQUIRES: lower case.
Kind kind_of(Bytes name) {
  if (name.size() > kLongest) return Kind::usual;
  for (std::size_t i = kBegins[name.size()]; i < kBegins[name.size() + 1]; ++i) {
    const Bytes known = kKnown[i].name;
    if (name.front() == known.front() && name == known) return kKnown[i].kind;
  }
  return Kind::usual;
}

// One line of a head, and what stands behind it.
struct Line {
  Bytes name;
  Bytes value;
  char* behind = nullptr;  // null: it is no field line
};

// Makes a name lower case up to its colon, and returns where that is; `line_end` when the line has
// none. Sixteen bytes at a time may reach beyond the line, up to `end`.
char* lower_name(char* at, char* line_end, [[maybe_unused]] const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = scan::load(at);
    const unsigned colons = scan::mask_of(scan::equal(bytes, ':'));
    const unsigned before_colon = colons == 0 ? 0xffffu : (colons & (0u - colons)) - 1;
    if ((scan::mask_of(scan::between(bytes, 'A', 'Z')) & before_colon) != 0) break;
    if (colons != 0) return std::min(at + std::countr_zero(colons), line_end);
    if (line_end - at <= 16) return line_end;
  }
#endif
  for (; at != line_end && *at != ':'; ++at) *at = base::lower(*at);
  return at;
}

// The line that `text` begins with. The empty line has neither name nor value.
Line cut_line(char* text, char* end) {
  auto* newline = static_cast<char*>(std::memchr(text, '\n', static_cast<std::size_t>(end - text)));
  if (newline == nullptr || newline == text || newline[-1] != '\r') return {};
  char* const line_end = newline - 1;
  if (text == line_end) return {{}, {}, newline + 1};
  char* const colon = lower_name(text, line_end, end);
  if (colon == line_end || colon == text) return {};
  return {{text, colon}, base::trim_blanks({colon + 1, line_end}), newline + 1};
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

// Left out when it belongs to a connection.
void H2FieldList::field(Bytes name, Bytes value) {
  const Kind kind = kind_of(name);
  if (kind == Kind::left_out) return;
  const bool indexed = kind == Kind::usual || (kind == Kind::once && teaches_);
  put(name, value, indexed ? kLiesStill : kLiesStill | NGHTTP2_NV_FLAG_NO_INDEX);
}

void H2FieldList::status(std::uint16_t code) {
  status_ = {static_cast<char>('0' + code / 100 % 10),
             static_cast<char>('0' + code / 10 % 10),
             static_cast<char>('0' + code % 10)};
  put(":status", {status_.data(), status_.size()}, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

bool H2FieldList::lines(std::span<char> text) {
  char* next = text.data();
  char* const end = next + text.size();
  while (next != end) {
    const Line line = cut_line(next, end);
    if (line.behind == nullptr || line.name.empty() || full()) return false;
    field(line.name, line.value);
    next = line.behind;
  }
  return true;
}

std::size_t H2FieldList::read_request(std::span<char> text, Bytes scheme) {
  const Bytes whole(text.data(), text.size());
  const std::size_t line_end = whole.find("\r\n");
  if (line_end == Bytes::npos) return 0;
  const Bytes first = whole.substr(0, line_end);
  const std::size_t method_end = first.find(' ');
  if (method_end == Bytes::npos) return 0;
  const std::size_t target_end = first.find(' ', method_end + 1);
  if (target_end == Bytes::npos) return 0;
  put(":method", first.substr(0, method_end));
  put(":scheme", scheme);
  put(":path", first.substr(method_end + 1, target_end - method_end - 1));
  // Pseudo fields come first; which authority it is stands somewhere behind.
  nghttp2_nv& authority = fields_[count_];
  put(":authority", {});
  char* next = text.data() + line_end + 2;
  char* const end = text.data() + text.size();
  for (;;) {
    const Line line = cut_line(next, end);
    if (line.behind == nullptr) return 0;
    next = line.behind;
    if (line.name.empty()) break;
    if (full()) return 0;
    if (line.name == "host") {
      authority.value = bytes_of(line.value);
      authority.valuelen = line.value.size();
    } else {
      field(line.name, line.value);
    }
  }
  return authority.valuelen == 0 ? 0 : static_cast<std::size_t>(next - text.data());
}

}  // namespace headrace::http
