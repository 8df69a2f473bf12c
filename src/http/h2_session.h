// H2Session: one HTTP/2 connection as bytes: received slices go in, slices to send come out, and
// what a peer says becomes events. No sockets and no clock (time is an argument). It wraps nghttp2,
// which nobody above this folder sees; H2ClientSession and H2ServerSession add the two roles.
//
//   receive(slice)  events, for each stream: its head, pieces of payload, its end (or closed)
//   produce(out)    what is to be sent now, into `out`, as much as there is room for
//
// Payload is not copied, in either direction: a received piece is a lease on the receive buffer it
// came in (the frame heads beside it are its head- and tailroom), and a DATA frame is a frame head
// in front of the slice that was given to write().
//
// Whoever gets an event may call any verb in it but receive() and produce(), which do not nest.
// What verbs queue leaves with the next produce(), which is due at the end of the turn.
//
// When ended() says so, the connection is over: the owner lets go of every stream, sends what
// produce() still gives (GOAWAY) and closes. Abuse ends it with ENHANCE_YOUR_CALM; a message that
// breaks the rules costs its stream only.
//
// Owned by a connection; one thread. Bounds: base/limits.h, "HTTP/2".
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/time.h"
#include "http/h2_counts.h"
#include "http/h2_head.h"
#include "http/h2_memory.h"
#include "http/message.h"
#include "io/block_pool.h"
#include "io/slice_queue.h"

namespace headrace::http {

// What a client says first; no frame.
inline constexpr Bytes kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113 section 7.
enum class H2Code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  stream_closed = 5,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  enhance_your_calm = 11,
  http_1_1_required = 13,
};

// One request and its answer. Embedded in the object that runs it, which must not die while
// open().
struct H2Stream {
  H2Stream() = default;
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;
  ~H2Stream() { HEADRACE_ASSERT(!open()); }

  bool open() const { return id != 0; }
  // Bytes given to write() that are not framed yet: the peer's windows are closed, or produce() had
  // no room.
  std::size_t queued_bytes() const { return out.bytes(); }
  // Our half is complete and framed.
  bool sent() const { return out_framed; }

  // -- the session's, from here on
  std::int32_t id = 0;
  io::SliceQueue out;
  bool out_finished = false;  // nothing more will be written
  bool out_framed = false;    // END_STREAM is out
  bool deferred = false;      // nghttp2 waits for resume
  bool head_seen = false;     // the final head
  bool in_ended = false;
  bool held = false;
  std::uint8_t interim_answers = 0;
  std::size_t unreturned = 0;  // received while held: window to give back
};

class H2Owner {
 public:
  virtual void on_h2_data(H2Stream& stream, io::Slice piece) = 0;
  // The peer's message is complete.
  virtual void on_h2_end(H2Stream& stream) = 0;
  // The stream is over, and the session has forgotten it. Never after reset().
  virtual void on_h2_closed(H2Stream& stream, H2Code code) = 0;
  // Payload of the stream was framed, inside produce().
  virtual void on_h2_sent(H2Stream&) {}
  // The peer takes no more streams.
  virtual void on_h2_goaway() {}
  virtual void on_h2_pong() {}

 protected:
  ~H2Owner() = default;
};

class H2Session {
 public:
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  void receive(io::Slice slice, base::Nanos now);
  // Adds to `out` until it holds `room` bytes, or there is nothing to send.
  void produce(io::SliceQueue& out, std::size_t room);
  bool ended() const;
  bool wants_to_send() const;

  // The body of the message that we send on `stream`, in pieces; then its end.
  void write(H2Stream& stream, io::Slice piece);
  void finish(H2Stream& stream);
  // Ends a stream at once, both ways; no event follows.
  void reset(H2Stream& stream, H2Code code);
  // The consumer does not keep up: the stream's window stays closed until release(). Up to
  // kH2StreamWindow bytes may still come.
  void hold(H2Stream& stream) { stream.held = true; }
  void release(H2Stream& stream);
  // The session died, or its socket: the stream goes without a word.
  void forget(H2Stream& stream);

  void ping();
  // Asks a client for no more streams; those that run, and those on their way, go on.
  void drain();
  // Nothing goes on.
  void end(H2Code code);

  const H2Account& memory() const { return memory_; }
  const H2Counts& counts() const { return counts_; }

 protected:
  enum class Role : std::uint8_t { client, server };

  H2Session(Role role, H2Memory& memory, io::BlockPool& blocks, H2Owner& owner);
  ~H2Session();

  // The fields of a head are complete. `stream` is null where nobody holds it (yet).
  virtual void on_head(std::int32_t id, H2Stream* stream, bool ends) = 0;
  // The peer's half of a stream is complete.
  virtual void on_input_end(H2Stream& stream) = 0;
  // nghttp2 closed a stream, known or not.
  virtual void on_stream_gone() {}

  // Text of a head that is being submitted: nghttp2 reads it where it lies, until it is framed.
  void keep_head(io::Slice text) { heads_.push(std::move(text), false); }
  [[nodiscard]] std::span<char> keep_head_copy(Bytes text);
  H2Stream* find(std::int32_t id) const;
  void bind(std::int32_t id, H2Stream* stream);
  void open(H2Stream& stream, std::int32_t id);
  static nghttp2_data_provider body_of_stream();

  nghttp2_session* session_ = nullptr;
  io::BlockPool& blocks_;
  H2Head head_;

 private:
  struct Callbacks;
  struct Pending {
    H2Stream* stream = nullptr;
    io::Slice piece;
  };

  static nghttp2_session_callbacks* callbacks();
  static nghttp2_option* options();
  void send_settings(Role role);
  void hand_on(bool at_end);
  void take_data(std::int32_t id, Bytes bytes);
  void take_frame(const nghttp2_frame& frame);
  void note_reset_sent(std::uint32_t code);
  void fail(H2Code code);
  void put_copy(Bytes bytes);
  void keep_copy(io::SliceQueue& queue, const io::Slice& piece);
  void put_data(H2Stream& stream, Bytes frame_head, std::size_t bytes);
  std::ptrdiff_t next_data(H2Stream* stream, std::size_t most, std::uint32_t& flags);

  H2Account memory_;
  H2Counts counts_;
  H2Owner& owner_;
  base::Nanos now_ = 0;
  io::Slice* input_ = nullptr;        // the slice that receive() works on
  char* free_from_ = nullptr;         // bytes of it before this are somebody's
  Pending pending_;                   // a piece that waits for what stands behind it
  io::SliceQueue heads_;              // that may not be framed yet
  io::SliceQueue* output_ = nullptr;  // of the produce() on the stack
  io::Buffer* open_block_ = nullptr;  // the last slice of `output_` is ours to append to
  bool broken_ = false;               // nghttp2 is not to be asked any more
  bool farewell_due_ = false;
  H2Code farewell_ = H2Code::no_error;
};

}  // namespace headrace::http
