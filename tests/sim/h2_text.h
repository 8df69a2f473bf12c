// One end of an HTTP/2 connection for the simulation's scripts: a strict, slow reader of what the
// gateway says, and a writer of frames; on purpose without a line of src/http. Streams, windows and
// settings are judged here, by the words of RFC 9113; only HPACK is nghttp2's. What the gateway may
// not say is a fault(). Every message is kept with the places of its bytes in the connection.
// Tests only, one thread.
//
//   H2Text text(H2Text::Role::server, owner);
//   text.say_settings({.streams = 10});     // goes out through owner.put()
//   text.feed(bytes);                       // the owner hears of heads, bodies, ends, resets
//   text.head(stream, fields, false);       // and answers
//   text.data(stream, bytes, true, 0);
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_text.h"

struct nghttp2_hd_deflater;
struct nghttp2_hd_inflater;

namespace headrace::sim {

using FieldTexts = std::vector<std::pair<std::string, std::string>>;

namespace h2 {
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
enum Code : std::uint32_t {
  kNoError,
  kProtocolError,
  kInternalError,
  kFlowControlError,
  kSettingsTimeout,
  kStreamClosed,
  kFrameSizeError,
  kRefusedStream,
  kCancel,
  kCompressionError,
  kConnectError,
  kEnhanceYourCalm,
};
inline constexpr std::uint32_t kMostStream = 0x7fffffff;
inline constexpr std::uint32_t kWindow = 65535;  // of everything, at first
inline constexpr std::uint32_t kFrameMost = 16384;

std::string number(std::uint32_t value);
std::string frame(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload);
}  // namespace h2

// What an end allows the other.
struct H2Terms {
  std::uint32_t streams = UINT32_MAX;  // at once
  std::uint32_t window = h2::kWindow;  // of each
  std::uint32_t table = 4096;          // of HPACK
};

struct H2StreamText {
  std::uint32_t id = 0;
  Message message;  // theirs; interim heads are only counted
  std::uint64_t interims = 0;
  bool head_seen = false;
  bool ended = false;  // our half
  bool reset_by_us = false;
  bool reset_by_them = false;
  std::uint32_t reset_code = 0;  // theirs
  std::uint64_t reset_at = 0;    // where the last byte of theirs stands
  std::int64_t room = 0;         // that we may still send
  std::int64_t allowed = 0;      // that they may

  bool over() const { return reset_by_us || reset_by_them || (ended && message.complete); }
};

class H2TextOwner {
 public:
  virtual void put(std::string_view bytes) = 0;  // onto the wire
  virtual void on_h2_head(H2StreamText&) {}      // final, or the request's
  virtual void on_h2_interim(H2StreamText&) {}
  virtual void on_h2_body(H2StreamText&, std::uint64_t /*bytes*/) {}
  virtual void on_h2_end(H2StreamText&) {}
  virtual void on_h2_reset(H2StreamText&) {}
  virtual void on_h2_room() {}  // a window opened
  virtual void on_h2_ping(std::string_view /*payload*/) {}
  virtual void on_h2_pong() {}
  virtual void on_h2_goaway(std::uint32_t /*last*/, std::uint32_t /*code*/) {}

 protected:
  ~H2TextOwner() = default;
};

class H2Text {
 public:
  enum class Role : std::uint8_t { client, server };

  H2Text(Role role, H2TextOwner& owner);
  H2Text(const H2Text&) = delete;
  H2Text& operator=(const H2Text&) = delete;
  ~H2Text();

  void feed(std::string_view bytes);
  // Not empty: this is not HTTP/2, and why.
  const std::string& fault() const { return fault_; }
  // Bytes that are no whole frame yet.
  bool inside_frame() const { return rest_.size() != read_; }
  std::uint64_t wire() const { return wire_; }  // of what was read

  std::map<std::uint32_t, H2StreamText>& streams() { return streams_; }
  const std::map<std::uint32_t, H2StreamText>& streams() const { return streams_; }
  std::uint32_t last_stream() const { return last_stream_; }
  std::size_t open_streams() const;
  // What they allow us.
  const H2Terms& their_terms() const { return theirs_; }
  bool greeted() const { return greeted_; }
  std::int64_t room() const { return room_; }        // of the connection, that we may still send
  std::int64_t allowed() const { return allowed_; }  // that they may

  // -- what this end says
  void say_settings(const H2Terms& terms);
  H2StreamText& open();  // a client's next stream
  void head(H2StreamText& stream, const FieldTexts& fields, bool ends, std::uint64_t piece = 0);
  // As much as the windows let through; how much that was. `padding`: bytes of it in each frame.
  // `at`: how many bytes of the frame stand before the payload.
  std::uint64_t data(H2StreamText& stream,
                     std::string_view bytes,
                     bool ends,
                     std::uint64_t padding,
                     std::uint64_t* at = nullptr);
  void reset(H2StreamText& stream, std::uint32_t code);
  void goaway(std::uint32_t last, std::uint32_t code);
  void ping(std::string_view payload);
  void pong(std::string_view payload);
  void give(H2StreamText* stream, std::uint32_t bytes);  // window; null: the connection's

 private:
  struct FrameText {
    unsigned type = 0;
    unsigned flags = 0;
    std::uint32_t id = 0;
    std::string_view payload;

    std::uint32_t word(std::size_t at) const;
  };

  bool step();
  void take(const FrameText& frame);
  void take_data(const FrameText& frame);
  void take_headers(const FrameText& frame);
  void take_block();
  bool inflate(FieldTexts& fields);
  void read_request(H2StreamText& stream, const FieldTexts& fields);
  void read_answer(H2StreamText& stream, const FieldTexts& fields);
  void read_fields(Message& message, const FieldTexts& fields, std::size_t from);
  void take_settings(const FrameText& frame);
  void take_setting(std::uint32_t name, std::uint32_t value);
  void apply_terms();
  void take_reset(const FrameText& frame);
  void take_window(const FrameText& frame);
  void take_ping(const FrameText& frame);
  void end_message(H2StreamText& stream);
  H2StreamText* find(std::uint32_t id);
  bool is_idle(std::uint32_t id) const { return id > last_stream_; }
  void fail(const std::string& why);

  const Role role_;
  H2TextOwner& owner_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  nghttp2_hd_deflater* deflater_ = nullptr;
  std::string rest_;
  std::size_t read_ = 0;
  std::uint64_t wire_ = 0;
  std::string fault_;
  bool preface_due_;
  bool greeted_ = false;  // their SETTINGS are here
  std::map<std::uint32_t, H2StreamText> streams_;
  std::uint32_t last_stream_ = 0;
  std::uint32_t block_of_ = 0;  // a head is coming in on it; 0: none
  bool block_ends_ = false;
  std::uint64_t block_begin_ = 0;
  std::string block_;
  H2Terms theirs_;
  H2Terms ours_;                 // in force
  std::deque<H2Terms> unacked_;  // said
  std::deque<std::string> pings_;
  std::int64_t room_ = h2::kWindow;
  std::int64_t allowed_ = h2::kWindow;
};

}  // namespace headrace::sim
