#include "upstream/egress.h"

#include <cstdint>
#include <cstring>

#include "base/assert.h"

namespace headrace::upstream {

std::string base64_of(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < bytes.size() ? static_cast<std::uint8_t>(bytes[j]) : 0u);
    }
    const std::size_t digits = bytes.size() - i >= 3 ? 4 : bytes.size() - i + 1;
    for (std::size_t j = 0; j < 4; ++j) {
      text += j < digits ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

Egress::Egress(const EgressOptions& options)
    : proxy_(options.proxy), target_(options.target), tunnels_(options.tunnels) {
  if (!options.credentials.empty()) {
    authorization_ = "Proxy-Authorization: Basic " + base64_of(options.credentials) + "\r\n";
  }
  connect_request_ =
      "CONNECT " + target_ + " HTTP/1.1\r\nHost: " + target_ + "\r\n" + authorization_ + "\r\n";
}

io::Slice Egress::take_request_line(io::Slice& head, io::BlockPool& blocks) const {
  HEADRACE_ASSERT(!tunnels_);
  constexpr std::string_view kLineEnd = "\r\n";
  constexpr std::string_view kScheme = "http://";
  const std::string_view text = head.view();
  const std::size_t method = text.find(' ') + 1;
  const std::size_t line = text.find(kLineEnd) + kLineEnd.size();
  HEADRACE_ASSERT(method != 0 && method < line);
  io::Slice out = blocks.take(line + kScheme.size() + target_.size() + authorization_.size());
  const std::string_view pieces[] = {
      text.substr(0, method), kScheme, target_, text.substr(method, line - method), authorization_};
  for (const std::string_view piece : pieces) {
    std::memcpy(out.data() + out.size(), piece.data(), piece.size());
    out.grow_back(piece.size());
  }
  head.drop_front(line);
  return out;
}

}  // namespace headrace::upstream
