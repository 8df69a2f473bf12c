// HTTP/2 frames made by hand and taken apart again, without nghttp2: what a test says on the wire
// is exactly what stands in it. Heads are encoded as literals, never Huffman, never indexed, so
// that they decode alike whatever was sent before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace::test::h2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};
enum Flag : std::uint8_t { kNone = 0, kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };

inline std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

inline std::string frame(unsigned type,
                         unsigned flags,
                         std::uint32_t id,
                         std::string_view payload) {
  std::string bytes = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  bytes += number(id);
  return bytes.append(payload);
}

using FieldTexts = std::vector<std::pair<std::string, std::string>>;

// RFC 7541 section 5.2, without Huffman.
inline std::string literal(std::string_view text) {
  std::string bytes;
  if (text.size() < 127) {
    bytes += static_cast<char>(text.size());
  } else {
    bytes += '\x7f';
    std::size_t rest = text.size() - 127;
    for (; rest >= 128; rest /= 128) bytes += static_cast<char>(rest % 128 + 128);
    bytes += static_cast<char>(rest);
  }
  return bytes.append(text);
}

inline std::string block(const FieldTexts& fields) {
  std::string bytes;
  for (const auto& [name, value] : fields) bytes += '\0' + literal(name) + literal(value);
  return bytes;
}

inline std::string headers(std::uint32_t id, const FieldTexts& fields, bool ends) {
  return frame(kHeaders, kEndHeaders | (ends ? kEndStream : kNone), id, block(fields));
}
inline std::string data(std::uint32_t id, std::string_view payload, bool ends) {
  return frame(kData, ends ? kEndStream : kNone, id, payload);
}
inline std::string settings(
    const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries = {}) {
  std::string payload;
  for (const auto& [name, value] : entries) payload += number(name).substr(2) + number(value);
  return frame(kSettings, kNone, 0, payload);
}
inline std::string settings_ack() {
  return frame(kSettings, kAck, 0, "");
}
inline std::string reset(std::uint32_t id, std::uint32_t code) {
  return frame(kRstStream, kNone, id, number(code));
}
inline std::string goaway(std::uint32_t last, std::uint32_t code) {
  return frame(kGoaway, kNone, 0, number(last) + number(code));
}
inline std::string ping(bool ack = false) {
  return frame(kPing, ack ? kAck : kNone, 0, "12345678");
}
inline std::string window(std::uint32_t id, std::uint32_t more) {
  return frame(kWindowUpdate, kNone, id, number(more));
}

struct Frame {
  unsigned type = 0;
  unsigned flags = 0;
  std::uint32_t id = 0;
  std::string payload;

  bool is(unsigned wanted, std::uint32_t wanted_id) const {
    return type == wanted && id == wanted_id;
  }
  bool ends() const { return (flags & kEndStream) != 0 && (type == kData || type == kHeaders); }
  std::uint32_t word(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4 && i < payload.size(); ++i) {
      value = value << 8 | static_cast<std::uint8_t>(payload[i]);
    }
    return value;
  }
};

// What was said, from frame to frame; a client's preface before it is skipped, an incomplete frame
// at the end too.
inline std::vector<Frame> frames_of(std::string_view bytes) {
  if (bytes.starts_with(kPreface)) bytes.remove_prefix(kPreface.size());
  std::vector<Frame> frames;
  while (bytes.size() >= 9) {
    const auto at = [&](std::size_t i) {
      return std::uint32_t{static_cast<std::uint8_t>(bytes[i])};
    };
    const std::size_t size = at(0) << 16 | at(1) << 8 | at(2);
    if (bytes.size() < 9 + size) break;
    Frame frame;
    frame.type = at(3);
    frame.flags = at(4);
    frame.id = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
    frame.payload = bytes.substr(9, size);
    frames.push_back(std::move(frame));
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

inline std::size_t count(const std::vector<Frame>& frames, unsigned type) {
  std::size_t found = 0;
  for (const Frame& frame : frames) found += frame.type == type;
  return found;
}
inline const Frame* find(const std::vector<Frame>& frames, unsigned type, std::uint32_t id) {
  for (const Frame& frame : frames) {
    if (frame.is(type, id)) return &frame;
  }
  return nullptr;
}
// The payload of a stream's DATA frames.
inline std::string payload_of(const std::vector<Frame>& frames, std::uint32_t id) {
  std::string text;
  for (const Frame& frame : frames) {
    if (frame.is(kData, id)) text += frame.payload;
  }
  return text;
}

}  // namespace headrace::test::h2
