// h2_text.cc – reading, frame by frame; what this end says: h2_say.cc.
#include "h2_text.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/assert.h"

namespace headrace::sim {
namespace {

constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kBlockMost = 128 * 1024;
// RFC 9113 section 8.2.2.
constexpr std::array<std::string_view, 7> kOfConnections = {"connection",
                                                            "keep-alive",
                                                            "proxy-connection",
                                                            "transfer-encoding",
                                                            "upgrade",
                                                            "http2-settings",
                                                            "te"};
constexpr std::array<std::string_view, 3> kSecrets = {"authorization", "x-api-key", "cookie"};

template <std::size_t Count>
bool is_one_of(std::string_view name, const std::array<std::string_view, Count>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::islower(static_cast<unsigned char>(c)) != 0 ||
           std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  });
}

bool is_field_value(std::string_view value) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!value.empty() && (blank(value.front()) || blank(value.back()))) return false;
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

H2Text::H2Text(Role role, H2TextOwner& owner)
    : role_(role), owner_(owner), preface_due_(role == Role::server) {
  HEADRACE_ASSERT(nghttp2_hd_inflate_new(&inflater_) == 0);
  HEADRACE_ASSERT(nghttp2_hd_deflate_new(&deflater_, 4096) == 0);
}

H2Text::~H2Text() {
  nghttp2_hd_inflate_del(inflater_);
  nghttp2_hd_deflate_del(deflater_);
}

std::uint32_t H2Text::FrameText::word(std::size_t at) const {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value << 8 | static_cast<std::uint8_t>(payload[i]);
  }
  return value;
}

void H2Text::fail(const std::string& why) {
  if (fault_.empty()) fault_ = why;
}

H2StreamText* H2Text::find(std::uint32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

std::size_t H2Text::open_streams() const {
  return static_cast<std::size_t>(std::count_if(
      streams_.begin(), streams_.end(), [](const auto& entry) { return !entry.second.over(); }));
}

void H2Text::feed(std::string_view bytes) {
  rest_ += bytes;
  while (fault_.empty() && step()) {
  }
  rest_.erase(0, read_);
  read_ = 0;
}

bool H2Text::step() {
  if (preface_due_) {
    const std::string_view seen = std::string_view(rest_).substr(0, h2::kPreface.size());
    if (!h2::kPreface.starts_with(seen)) fail("no preface");
    if (seen.size() < h2::kPreface.size()) return false;
    preface_due_ = false;
    read_ = wire_ = h2::kPreface.size();
  }
  if (rest_.size() - read_ < kFrameHead) return false;
  const auto at = [&](std::size_t i) {
    return std::uint32_t{static_cast<std::uint8_t>(rest_[read_ + i])};
  };
  const std::size_t size = at(0) << 16 | at(1) << 8 | at(2);
  if (size > h2::kFrameMost) {
    fail("a frame of " + std::to_string(size) + " bytes");
    return false;
  }
  if (rest_.size() - read_ < kFrameHead + size) return false;
  FrameText frame;
  frame.type = at(3);
  frame.flags = at(4);
  frame.id = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
  // A copy: whoever hears of it may make this end say something, but never feeds it.
  const std::string payload = rest_.substr(read_ + kFrameHead, size);
  frame.payload = payload;
  read_ += kFrameHead + size;
  wire_ += kFrameHead + size;
  take(frame);
  return fault_.empty();
}

void H2Text::take(const FrameText& frame) {
  if (!greeted_ && (frame.type != h2::kSettings || (frame.flags & h2::kAck) != 0))
    return fail("the first frame is of type " + std::to_string(frame.type));
  if (block_of_ != 0 && (frame.type != h2::kContinuation || frame.id != block_of_))
    return fail("a frame inside a head");
  if (frame.id > h2::kMostStream) return fail("a reserved bit");
  switch (frame.type) {
    case h2::kData:
      return take_data(frame);
    case h2::kHeaders:
    case h2::kContinuation:
      return take_headers(frame);
    case h2::kRstStream:
      return take_reset(frame);
    case h2::kSettings:
      return take_settings(frame);
    case h2::kPing:
      return take_ping(frame);
    case h2::kGoaway:
      if (frame.id != 0 || frame.payload.size() < 8) return fail("GOAWAY");
      return owner_.on_h2_goaway(frame.word(0), frame.word(4));
    case h2::kWindowUpdate:
      return take_window(frame);
    default:  // nothing else is the gateway's to say
      return fail("a frame of type " + std::to_string(frame.type));
  }
}

// -- messages

void H2Text::take_data(const FrameText& frame) {
  H2StreamText* stream = find(frame.id);
  if ((frame.flags & ~unsigned{h2::kEndStream}) != 0) return fail("DATA with strange flags");
  if (stream == nullptr) return fail("DATA on an idle stream");
  if (!stream->head_seen) return fail("DATA before a head");
  if (stream->message.complete || stream->reset_by_them) return fail("DATA on a closed stream");
  const auto size = static_cast<std::int64_t>(frame.payload.size());
  allowed_ -= size;
  stream->allowed -= size;
  if (size != 0 && (allowed_ < 0 || stream->allowed < 0)) return fail("DATA beyond its window");
  Message& message = stream->message;
  if (size != 0)
    message.spans.push_back(
        {wire_ - frame.payload.size(), message.body.size(), frame.payload.size()});
  message.body += frame.payload;
  message.wire_end = wire_;
  if (size != 0) owner_.on_h2_body(*stream, frame.payload.size());
  if ((frame.flags & h2::kEndStream) != 0 && fault_.empty()) end_message(*stream);
}

void H2Text::end_message(H2StreamText& stream) {
  const std::string* length = stream.message.field("content-length");
  if (length != nullptr && std::stoull(*length) != stream.message.body.size())
    return fail("a body of another length than was said");
  stream.message.complete = true;
  stream.message.wire_end = wire_;
  owner_.on_h2_end(stream);
}

void H2Text::take_headers(const FrameText& frame) {
  if (frame.type == h2::kContinuation) {
    if (block_of_ == 0) return fail("CONTINUATION of nothing");
  } else {
    const unsigned known = h2::kEndStream | h2::kEndHeaders;
    if ((frame.flags & ~known) != 0) return fail("HEADERS with strange flags");
    block_of_ = frame.id;
    block_ends_ = (frame.flags & h2::kEndStream) != 0;
    block_begin_ = wire_ - kFrameHead - frame.payload.size();
  }
  block_ += frame.payload;
  if (block_.size() > kBlockMost) return fail("an endless head");
  if ((frame.flags & h2::kEndHeaders) != 0) take_block();
}

void H2Text::take_block() {
  FieldTexts fields;
  const std::uint32_t id = std::exchange(block_of_, 0);
  if (!inflate(fields)) return fail("HPACK");
  block_.clear();
  H2StreamText* stream = find(id);
  if (role_ == Role::server && stream == nullptr) {
    if (id % 2 == 0 || !is_idle(id)) return fail("HEADERS open no new stream");
    if (open_streams() >= ours_.streams) return fail("more streams than were allowed");
    last_stream_ = id;
    stream = &streams_[id];
    stream->id = id;
    stream->room = theirs_.window;
    stream->allowed = ours_.window;
  }
  if (stream == nullptr) return fail("HEADERS on an idle stream");
  if (stream->message.complete || stream->reset_by_them) return fail("HEADERS on a closed stream");
  if (stream->head_seen) return fail("trailers");
  Message& message = stream->message;
  message = {};
  message.wire_begin = block_begin_;
  message.wire_end = wire_;
  if (role_ == Role::server) {
    read_request(*stream, fields);
  } else {
    read_answer(*stream, fields);
  }
  if (!fault_.empty()) return;
  if (!stream->head_seen) return owner_.on_h2_interim(*stream);
  owner_.on_h2_head(*stream);
  if (block_ends_ && fault_.empty()) end_message(*stream);
}

bool H2Text::inflate(FieldTexts& fields) {
  auto* next = reinterpret_cast<const std::uint8_t*>(block_.data());
  std::size_t left = block_.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, next, left, 1);
    if (used < 0) return false;
    next += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                          std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
      const bool never_indexed = (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
      if (is_one_of(fields.back().first, kSecrets) && !never_indexed)
        fail("a secret goes into compression tables");
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if (used == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) return false;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  return left == 0;
}

void H2Text::read_request(H2StreamText& stream, const FieldTexts& fields) {
  std::map<std::string, std::string> pseudo;
  std::size_t count = 0;
  for (; count < fields.size() && fields[count].first.starts_with(':'); ++count) {
    if (!pseudo.emplace(fields[count]).second) return fail(fields[count].first + " twice");
  }
  if (count != 4 || pseudo[":method"].empty() || pseudo[":path"].empty() ||
      pseudo[":authority"].empty() || pseudo[":scheme"] != "http")
    return fail("the pseudo fields of a request");
  Message& message = stream.message;
  message.start_line = pseudo[":method"] + " " + pseudo[":path"] + " HTTP/1.1";
  message.fields.emplace_back("host", pseudo[":authority"]);
  stream.head_seen = true;
  read_fields(message, fields, count);
}

void H2Text::read_answer(H2StreamText& stream, const FieldTexts& fields) {
  if (fields.empty() || fields[0].first != ":status" || fields[0].second.size() != 3)
    return fail("an answer without a status");
  Message& message = stream.message;
  message.start_line = "HTTP/1.1 " + fields[0].second + " ";
  read_fields(message, fields, 1);
  if (message.status() < 200) {
    if (block_ends_) return fail("an interim head ends its stream");
    ++stream.interims;
    return;
  }
  stream.head_seen = true;
}

void H2Text::read_fields(Message& message, const FieldTexts& fields, std::size_t from) {
  for (std::size_t i = from; i < fields.size(); ++i) {
    const auto& [name, value] = fields[i];
    if (!is_field_name(name) || name == "host" || is_one_of(name, kOfConnections))
      return fail("the field " + name);
    if (!is_field_value(value)) return fail("the value of " + name);
    message.fields.push_back(fields[i]);
  }
}

// -- the connection

void H2Text::take_settings(const FrameText& frame) {
  if (frame.id != 0) return fail("SETTINGS of a stream");
  if ((frame.flags & h2::kAck) != 0) {
    if (!frame.payload.empty() || unacked_.empty()) return fail("an ACK of no SETTINGS");
    return apply_terms();
  }
  if (frame.payload.size() % 6 != 0) return fail("SETTINGS of odd size");
  greeted_ = true;
  for (std::size_t i = 0; i < frame.payload.size(); i += 6) {
    take_setting(std::uint32_t{static_cast<std::uint8_t>(frame.payload[i])} << 8 |
                     static_cast<std::uint8_t>(frame.payload[i + 1]),
                 frame.word(i + 2));
  }
  owner_.put(h2::frame(h2::kSettings, h2::kAck, 0, ""));
  owner_.on_h2_room();
}

void H2Text::take_setting(std::uint32_t name, std::uint32_t value) {
  switch (name) {
    case NGHTTP2_SETTINGS_HEADER_TABLE_SIZE:
      nghttp2_hd_deflate_change_table_size(deflater_, std::min<std::uint32_t>(value, 4096));
      return;
    case NGHTTP2_SETTINGS_ENABLE_PUSH:
      if (value > 1 || (role_ == Role::client && value == 1)) fail("ENABLE_PUSH");
      return;
    case NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS:
      theirs_.streams = value;
      return;
    case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
      if (value > h2::kMostStream) return fail("INITIAL_WINDOW_SIZE");
      for (auto& [id, stream] : streams_)
        stream.room += static_cast<std::int64_t>(value) - theirs_.window;
      theirs_.window = value;
      return;
    case NGHTTP2_SETTINGS_MAX_FRAME_SIZE:
      if (value < h2::kFrameMost || value > 0xffffff) fail("MAX_FRAME_SIZE");
      return;
    default:
      return;
  }
}

// From here on they know.
void H2Text::apply_terms() {
  const H2Terms terms = unacked_.front();
  unacked_.pop_front();
  for (auto& [id, stream] : streams_)
    stream.allowed += static_cast<std::int64_t>(terms.window) - ours_.window;
  if (terms.table != ours_.table) nghttp2_hd_inflate_change_table_size(inflater_, terms.table);
  ours_ = terms;
}

void H2Text::take_reset(const FrameText& frame) {
  if (frame.payload.size() != 4) return fail("RST_STREAM of odd size");
  H2StreamText* stream = find(frame.id);
  if (stream == nullptr) return fail("RST_STREAM on an idle stream");
  if (stream->reset_by_them) return fail("RST_STREAM twice");
  const bool knew = stream->over();
  stream->reset_by_them = true;
  stream->reset_code = frame.word(0);
  stream->reset_at = wire_;
  if (!knew) owner_.on_h2_reset(*stream);
}

void H2Text::take_window(const FrameText& frame) {
  if (frame.payload.size() != 4) return fail("WINDOW_UPDATE of odd size");
  const std::uint32_t more = frame.word(0);
  if (more == 0 || more > h2::kMostStream) return fail("WINDOW_UPDATE of nothing");
  H2StreamText* stream = frame.id == 0 ? nullptr : find(frame.id);
  if (frame.id != 0 && stream == nullptr) return fail("WINDOW_UPDATE on an idle stream");
  std::int64_t& room = stream == nullptr ? room_ : stream->room;
  room += more;
  if (room > h2::kMostStream) return fail("a window beyond all bounds");
  owner_.on_h2_room();
}

void H2Text::take_ping(const FrameText& frame) {
  if (frame.id != 0 || frame.payload.size() != 8) return fail("PING");
  if ((frame.flags & h2::kAck) == 0) return owner_.on_h2_ping(frame.payload);
  if (pings_.empty() || pings_.front() != frame.payload) return fail("an answer to no PING");
  pings_.pop_front();
  owner_.on_h2_pong();
}

}  // namespace headrace::sim
