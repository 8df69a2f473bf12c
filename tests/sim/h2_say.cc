// What an end of an HTTP/2 connection says.
#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "base/assert.h"
#include "h2_text.h"

namespace headrace::sim {

namespace h2 {

std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string frame(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload) {
  std::string bytes = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  bytes += number(id);
  return bytes.append(payload);
}

}  // namespace h2

void H2Text::say_settings(const H2Terms& terms) {
  const H2Terms& before = unacked_.empty() ? ours_ : unacked_.back();
  std::string payload;
  const auto entry = [&](std::uint32_t name, std::uint32_t value) {
    payload += h2::number(name).substr(2) + h2::number(value);
  };
  if (terms.streams != before.streams)
    entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, terms.streams);
  if (terms.window != before.window) entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, terms.window);
  if (terms.table != before.table) entry(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, terms.table);
  unacked_.push_back(terms);
  owner_.put(h2::frame(h2::kSettings, h2::kNone, 0, payload));
}

H2StreamText& H2Text::open() {
  HEADRACE_ASSERT(role_ == Role::client);
  last_stream_ = last_stream_ == 0 ? 1 : last_stream_ + 2;
  H2StreamText& stream = streams_[last_stream_];
  stream.id = last_stream_;
  stream.room = theirs_.window;
  stream.allowed = ours_.window;
  return stream;
}

// In as many frames as it takes; `piece`: bytes of each, where many are wanted.
void H2Text::head(H2StreamText& stream, const FieldTexts& fields, bool ends, std::uint64_t piece) {
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields) {
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    list.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  std::string block(nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), '\0');
  const ssize_t size = nghttp2_hd_deflate_hd(deflater_,
                                             reinterpret_cast<std::uint8_t*>(block.data()),
                                             block.size(),
                                             list.data(),
                                             list.size());
  HEADRACE_ASSERT(size >= 0);
  block.resize(static_cast<std::size_t>(size));
  std::size_t most = piece == 0 ? h2::kFrameMost : piece;
  most = std::min<std::size_t>(std::max(most, block.size() / 4 + 1), h2::kFrameMost);
  std::string_view rest = block;
  bool first = true;
  std::string bytes;
  do {
    const std::string_view part = rest.substr(0, most);
    rest.remove_prefix(part.size());
    unsigned flags = rest.empty() ? h2::kEndHeaders : h2::kNone;
    if (first && ends) flags |= h2::kEndStream;
    bytes += h2::frame(first ? h2::kHeaders : h2::kContinuation, flags, stream.id, part);
    first = false;
  } while (!rest.empty());
  stream.ended = ends;
  owner_.put(bytes);
}

std::uint64_t H2Text::data(H2StreamText& stream,
                           std::string_view bytes,
                           bool ends,
                           std::uint64_t padding,
                           std::uint64_t* at) {
  const std::int64_t extra = padding == 0 ? 0 : static_cast<std::int64_t>(padding) + 1;
  const std::int64_t most = std::min({room_, stream.room, std::int64_t{h2::kFrameMost}}) - extra;
  if (!bytes.empty() && most <= 0) return 0;
  if (bytes.empty() && extra != 0) padding = 0;
  const std::string_view part =
      bytes.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(most, 0)));
  const bool last = ends && part.size() == bytes.size();
  unsigned flags = last ? h2::kEndStream : h2::kNone;
  std::string payload;
  if (padding != 0) {
    flags |= h2::kPadded;
    payload += static_cast<char>(padding);
  }
  if (at != nullptr) *at = 9 + payload.size();
  payload += part;
  payload.append(padding, '\0');
  room_ -= static_cast<std::int64_t>(payload.size());
  stream.room -= static_cast<std::int64_t>(payload.size());
  stream.ended = stream.ended || last;
  owner_.put(h2::frame(h2::kData, flags, stream.id, payload));
  return part.size();
}

void H2Text::reset(H2StreamText& stream, std::uint32_t code) {
  stream.reset_by_us = true;
  owner_.put(h2::frame(h2::kRstStream, h2::kNone, stream.id, h2::number(code)));
}

void H2Text::goaway(std::uint32_t last, std::uint32_t code) {
  owner_.put(h2::frame(h2::kGoaway, h2::kNone, 0, h2::number(last) + h2::number(code)));
}

void H2Text::ping(std::string_view payload) {
  pings_.emplace_back(payload);
  owner_.put(h2::frame(h2::kPing, h2::kNone, 0, payload));
}

void H2Text::pong(std::string_view payload) {
  owner_.put(h2::frame(h2::kPing, h2::kAck, 0, payload));
}

void H2Text::give(H2StreamText* stream, std::uint32_t bytes) {
  (stream == nullptr ? allowed_ : stream->allowed) += bytes;
  owner_.put(h2::frame(
      h2::kWindowUpdate, h2::kNone, stream == nullptr ? 0 : stream->id, h2::number(bytes)));
}

}  // namespace headrace::sim
