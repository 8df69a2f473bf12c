// h2_session.cc – receiving, sending, verbs; at the end what nghttp2 calls.
#include "http/h2_session.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/limits.h"

namespace headrace::http {

namespace limits = base::limits;

namespace {

constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kHeadsBlock = 4096;  // heads of answers that are submitted in one turn
// Of the bytes behind a piece two stay with it (a CRLF fits), the rest is room before the next.
constexpr std::size_t kKeptBehind = 2;

H2Code code_of(int failure) {
  switch (failure) {
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
    case NGHTTP2_ERR_NOMEM:
      return H2Code::enhance_your_calm;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return H2Code::protocol_error;
    default:
      return H2Code::internal_error;
  }
}

// Resets that a fault of the peer made necessary.
bool is_provoked(std::uint32_t code) {
  switch (static_cast<H2Code>(code)) {
    case H2Code::no_error:
    case H2Code::cancel:
    case H2Code::internal_error:
      return false;
    default:
      return true;
  }
}

}  // namespace

H2Session::H2Session(Role role, H2Memory& memory, io::BlockPool& blocks, H2Owner& owner)
    : blocks_(blocks),
      memory_(memory),
      counts_(role == Role::server ? kH2Preface.size() : 0),
      owner_(owner) {
  const auto make =
      role == Role::server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  const int made = make(&session_, callbacks(), this, options(), memory_.functions());
  HEADRACE_ASSERT(made == 0);
  send_settings(role);
}

H2Session::~H2Session() {
  HEADRACE_ASSERT(output_ == nullptr && input_ == nullptr);
  nghttp2_session_del(session_);
}

void H2Session::send_settings(Role role) {
  std::array<nghttp2_settings_entry, 4> entries = {{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::kH2StreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kH2HeadBytes},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  }};
  if (role == Role::server)
    entries[3] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits::kH2Streams};
  int status = nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  HEADRACE_ASSERT(status == 0);
  status = nghttp2_session_set_local_window_size(
      session_, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(limits::kH2ConnectionWindow));
  HEADRACE_ASSERT(status == 0);
}

bool H2Session::ended() const {
  if (broken_) return true;
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool H2Session::wants_to_send() const {
  return broken_ ? farewell_due_ : nghttp2_session_want_write(session_) != 0;
}

// -- receiving

void H2Session::receive(io::Slice slice, base::Nanos now) {
  HEADRACE_ASSERT(input_ == nullptr && output_ == nullptr);
  if (broken_ || slice.empty()) return;
  now_ = now;
  if (!counts_.receive(slice.view(), now)) {
    fail(H2Code::enhance_your_calm);
    return;
  }
  input_ = &slice;
  free_from_ = slice.data() - slice.headroom();
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size());
  hand_on(true);
  input_ = nullptr;
  if (taken < 0) fail(code_of(static_cast<int>(taken)));
  if (!broken_ && nghttp2_session_get_outbound_queue_size(session_) > limits::kH2QueuedFrames) {
    fail(H2Code::enhance_your_calm);
  }
}

// nghttp2 is not asked any more; what is left to say is written by hand.
void H2Session::fail(H2Code code) {
  if (broken_) return;
  broken_ = farewell_due_ = true;
  farewell_ = code;
}

// Payload of a DATA frame, in place. It is handed on when it is known what follows it.
void H2Session::take_data(std::int32_t id, Bytes bytes) {
  hand_on(false);
  nghttp2_session_consume_connection(session_, bytes.size());
  H2Stream* stream = find(id);
  if (stream == nullptr) return;
  if (stream->held) {
    stream->unreturned += bytes.size();
  } else {
    nghttp2_session_consume_stream(session_, id, bytes.size());
  }
  pending_.stream = stream;
  if (input_->buffer() == nullptr) {  // borrowed bytes cannot be leased on
    pending_.piece = blocks_.copy_of(bytes);
    return;
  }
  char* begin = input_->data() + (bytes.data() - input_->data());
  pending_.piece = io::Slice(*input_->buffer(), begin, bytes.size());
  pending_.piece.set_headroom(static_cast<std::size_t>(begin - free_from_));
  free_from_ = begin + bytes.size();
}

// `at_end`: everything received was read. Else the next frame's head stands behind the piece.
void H2Session::hand_on(bool at_end) {
  if (pending_.stream == nullptr) return;
  H2Stream& stream = *std::exchange(pending_.stream, nullptr);
  io::Slice piece = std::move(pending_.piece);
  if (piece.buffer() == input_->buffer()) {
    const auto behind =
        static_cast<std::size_t>(input_->data() + input_->size() - (piece.data() + piece.size()));
    const std::size_t kept = at_end ? behind + input_->tailroom() : std::min(behind, kKeptBehind);
    piece.set_tailroom(kept);
    free_from_ += kept;
  }
  owner_.on_h2_data(stream, std::move(piece));
}

void H2Session::take_frame(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_DATA: {
      if (!ends) return;
      // Nothing is known of the bytes behind this frame, unless there are none.
      if (pending_.stream != nullptr) {
        const bool last = input_->data() + input_->size() == free_from_;
        if (last || pending_.piece.buffer() != input_->buffer()) {
          hand_on(true);
        } else {
          H2Stream& stream = *std::exchange(pending_.stream, nullptr);
          owner_.on_h2_data(stream, std::move(pending_.piece));
        }
      }
      if (H2Stream* stream = find(frame.hd.stream_id)) on_input_end(*stream);
      return;
    }
    case NGHTTP2_HEADERS: {
      hand_on(false);
      const std::int32_t id = frame.hd.stream_id;
      H2Stream* stream = find(id);
      const bool opens = frame.headers.cat == NGHTTP2_HCAT_REQUEST;
      // Else trailers, which say nothing that we pass on.
      if (opens || (stream != nullptr && !stream->head_seen)) on_head(id, stream, ends);
      head_.reset();
      if (!ends) return;
      stream = find(id);
      if (stream != nullptr) on_input_end(*stream);
      return;
    }
    case NGHTTP2_GOAWAY:
      hand_on(false);
      owner_.on_h2_goaway();
      return;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) owner_.on_h2_pong();
      return;
    default:
      return;
  }
}

// -- sending

void H2Session::produce(io::SliceQueue& out, std::size_t room) {
  HEADRACE_ASSERT(input_ == nullptr && output_ == nullptr);
  output_ = &out;
  open_block_ = nullptr;
  while (!broken_ && out.bytes() < room) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) fail(code_of(static_cast<int>(size)));
    if (size <= 0) break;
    put_copy({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  }
  if (!broken_ && nghttp2_session_get_outbound_queue_size(session_) == 0) heads_.clear();
  if (std::exchange(farewell_due_, false)) {
    const auto last = static_cast<std::uint32_t>(nghttp2_session_get_last_proc_stream_id(session_));
    const auto code = static_cast<std::uint32_t>(farewell_);
    std::array<char, kFrameHead + 8> frame{0, 0, 8, NGHTTP2_GOAWAY};
    for (std::size_t i = 0; i < 4; ++i) {
      frame[kFrameHead + i] = static_cast<char>(last >> (24 - 8 * i));
      frame[kFrameHead + 4 + i] = static_cast<char>(code >> (24 - 8 * i));
    }
    put_copy({frame.data(), frame.size()});
  }
  output_ = nullptr;
}

// Behind the last one where there is room.
std::span<char> H2Session::keep_head_copy(Bytes text) {
  if (text.empty()) return {};
  if (heads_.empty() || heads_.back().tailroom() < text.size()) {
    io::Slice block = blocks_.take(std::max(text.size(), kHeadsBlock));
    base::write_bytes(block.data(), text);
    block.grow_back(text.size());
    heads_.push(std::move(block), false);
  } else {
    base::write_bytes(heads_.back().data() + heads_.back().size(), text);
    heads_.extend_back(text.size());
  }
  return {heads_.back().data() + heads_.back().size() - text.size(), text.size()};
}

void H2Session::put_copy(Bytes bytes) {
  io::SliceQueue& out = *output_;
  if (open_block_ != nullptr && out.back().buffer() == open_block_ &&
      out.back().tailroom() >= bytes.size()) {
    base::write_bytes(out.back().data() + out.back().size(), bytes);
    out.extend_back(bytes.size());
    return;
  }
  io::Slice block = blocks_.take(bytes.size());
  base::write_bytes(block.data(), bytes);
  block.grow_back(bytes.size());
  open_block_ = block.buffer();
  out.push(std::move(block), false);
}

// How much of the stream's payload goes into the next frame.
std::ptrdiff_t H2Session::next_data(H2Stream* stream, std::size_t most, std::uint32_t& flags) {
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::size_t bytes = std::min(most, stream->out.bytes());
  const bool last = stream->out_finished && bytes == stream->out.bytes();
  if (bytes == 0 && !last) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (last) flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<std::ptrdiff_t>(bytes);
}

// One DATA frame: its head goes into the free room before the payload where there is enough.
void H2Session::put_data(H2Stream& stream, Bytes frame_head, std::size_t bytes) {
  if (bytes == 0) {
    put_copy(frame_head);
  }
  for (bool first = true; bytes != 0; first = false) {
    io::Slice piece = stream.out.pop();
    if (piece.size() > bytes) {
      io::Slice front = piece.split_front(bytes);
      stream.out.push_front(std::move(piece));
      piece = std::move(front);
    }
    bytes -= piece.size();
    if (first && piece.headroom() >= frame_head.size() && piece.buffer() != nullptr) {
      piece.grow_front(frame_head.size());
      base::write_bytes(piece.data(), frame_head);
    } else if (first) {
      put_copy(frame_head);
    }
    open_block_ = nullptr;
    output_->push(std::move(piece));
  }
  if (stream.out_finished && stream.out.empty()) stream.out_framed = true;
  counts_.note_sent();
  owner_.on_h2_sent(stream);
}

void H2Session::note_reset_sent(std::uint32_t code) {
  if (is_provoked(code) && !counts_.note_provoked(now_)) fail(H2Code::enhance_your_calm);
}

// -- verbs

H2Stream* H2Session::find(std::int32_t id) const {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

void H2Session::bind(std::int32_t id, H2Stream* stream) {
  nghttp2_session_set_stream_user_data(session_, id, stream);
}

void H2Session::open(H2Stream& stream, std::int32_t id) {
  HEADRACE_ASSERT(!stream.open() && stream.out.empty());
  stream.id = id;
  stream.out_finished = stream.out_framed = stream.deferred = false;
  stream.head_seen = stream.in_ended = stream.held = false;
  stream.interim_answers = 0;
  stream.unreturned = 0;
}

void H2Session::write(H2Stream& stream, io::Slice piece) {
  HEADRACE_ASSERT(stream.open() && !stream.out_finished);
  if (piece.empty()) return;
  // Small pieces behind a closed window must not become many links, nor keep the buffers that
  // everybody receives into.
  const bool crowded =
      stream.out.count() >= limits::kSendSegments && piece.size() <= limits::kSmallPieceBytes;
  const bool scarce = piece.buffer() != nullptr && piece.buffer()->home->scarce();
  if (crowded || scarce) {
    keep_copy(stream.out, piece);
  } else {
    stream.out.push(std::move(piece));
  }
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_, stream.id);
}

// In the free room behind the last piece where it fits, else in a block of its own.
void H2Session::keep_copy(io::SliceQueue& queue, const io::Slice& piece) {
  if (!queue.empty()) {
    io::Slice& last = queue.back();
    if (last.buffer() != nullptr && last.buffer() != piece.buffer() &&
        last.tailroom() >= piece.size()) {
      base::write_bytes(last.data() + last.size(), piece.view());
      queue.extend_back(piece.size());
      return;
    }
  }
  io::Slice block = blocks_.take(std::max(piece.size(), limits::kSmallPieceBytes * 2));
  base::write_bytes(block.data(), piece.view());
  block.grow_back(piece.size());
  queue.push(std::move(block), false);
}

void H2Session::finish(H2Stream& stream) {
  HEADRACE_ASSERT(stream.open());
  stream.out_finished = true;
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_, stream.id);
}

void H2Session::reset(H2Stream& stream, H2Code code) {
  const std::int32_t id = stream.id;
  forget(stream);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(code));
}

void H2Session::forget(H2Stream& stream) {
  HEADRACE_ASSERT(stream.open());
  if (pending_.stream == &stream) {
    pending_.stream = nullptr;
    pending_.piece.reset();
  }
  bind(std::exchange(stream.id, 0), nullptr);
  stream.out.clear();
}

void H2Session::release(H2Stream& stream) {
  stream.held = false;
  if (stream.unreturned == 0) return;
  nghttp2_session_consume_stream(session_, stream.id, std::exchange(stream.unreturned, 0));
}

void H2Session::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void H2Session::drain() {
  nghttp2_submit_shutdown_notice(session_);
}

void H2Session::end(H2Code code) {
  if (!broken_) nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code));
}

// -- what nghttp2 calls

// NOLINTBEGIN(readability-function-size): the parameters are nghttp2's.
struct H2Session::Callbacks {
  static H2Session& self(void* user) { return *static_cast<H2Session*>(user); }
  static int result(const H2Session& session) {
    return session.broken_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd*, void* user) {
    self(user).hand_on(false);
    return result(self(user));
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Session& session = self(user);
    const H2Stream* stream = session.find(frame->hd.stream_id);
    session.head_.begin(stream == nullptr || !stream->head_seen);
    return result(session);
  }

  static int on_header(nghttp2_session*,
                       const nghttp2_frame*,
                       const std::uint8_t* name,
                       std::size_t name_size,
                       const std::uint8_t* value,
                       std::size_t value_size,
                       std::uint8_t,
                       void* user) {
    H2Session& session = self(user);
    const bool taken = session.head_.add({reinterpret_cast<const char*>(name), name_size},
                                         {reinterpret_cast<const char*>(value), value_size},
                                         session.blocks_);
    if (!taken) session.fail(H2Code::enhance_your_calm);
    return result(session);
  }

  // nghttp2 would pass over such a field; to us the message is malformed.
  static int on_invalid_header(nghttp2_session*,
                               const nghttp2_frame*,
                               const std::uint8_t*,
                               std::size_t,
                               const std::uint8_t*,
                               std::size_t,
                               std::uint8_t,
                               void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).take_frame(*frame);
    return result(self(user));
  }

  static int on_data(nghttp2_session*,
                     std::uint8_t,
                     std::int32_t id,
                     const std::uint8_t* bytes,
                     std::size_t size,
                     void* user) {
    self(user).take_data(id, {reinterpret_cast<const char*>(bytes), size});
    return result(self(user));
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    H2Session& session = self(user);
    session.on_stream_gone();
    H2Stream* stream = session.find(id);
    if (stream == nullptr) return result(session);
    if (session.pending_.stream == stream) session.hand_on(false);
    if (!stream->open()) return result(session);  // whoever got that piece let go
    session.forget(*stream);
    session.owner_.on_h2_closed(*stream, static_cast<H2Code>(code));
    return result(session);
  }

  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      self(user).note_reset_sent(frame->rst_stream.error_code);
    }
    return result(self(user));
  }

  static int send_data(nghttp2_session*,
                       nghttp2_frame* frame,
                       const std::uint8_t* frame_head,
                       std::size_t bytes,
                       nghttp2_data_source*,
                       void* user) {
    H2Session& session = self(user);
    H2Stream* stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    session.put_data(*stream, {reinterpret_cast<const char*>(frame_head), kFrameHead}, bytes);
    return result(session);
  }

  static ssize_t read_data(nghttp2_session*,
                           std::int32_t id,
                           std::uint8_t*,
                           std::size_t most,
                           std::uint32_t* flags,
                           nghttp2_data_source*,
                           void* user) {
    return self(user).next_data(self(user).find(id), most, *flags);
  }
};
// NOLINTEND(readability-function-size)

nghttp2_data_provider H2Session::body_of_stream() {
  return {.source = {.ptr = nullptr}, .read_callback = Callbacks::read_data};
}

nghttp2_session_callbacks* H2Session::callbacks() {
  static nghttp2_session_callbacks* const made = [] {
    nghttp2_session_callbacks* table = nullptr;
    HEADRACE_ASSERT(nghttp2_session_callbacks_new(&table) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(table, Callbacks::on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(table, Callbacks::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(table, Callbacks::on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(table, Callbacks::on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(table, Callbacks::on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, Callbacks::on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(table, Callbacks::on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(table, Callbacks::on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(table, Callbacks::send_data);
    return table;
  }();
  return made;
}

nghttp2_option* H2Session::options() {
  static nghttp2_option* const made = [] {
    nghttp2_option* table = nullptr;
    HEADRACE_ASSERT(nghttp2_option_new(&table) == 0);
    nghttp2_option_set_no_auto_window_update(table, 1);
    nghttp2_option_set_no_closed_streams(table, 1);
    nghttp2_option_set_max_settings(table, limits::kH2Settings);
    nghttp2_option_set_max_outbound_ack(table, limits::kH2QueuedFrames);
    // H2Counts counts frames. This counts how often the head of one goes on, which is once a byte
    // where bytes come alone.
    nghttp2_option_set_max_continuations(table, limits::kH2Continuations * kFrameHead);
    // H2Counts does this with a clock that is ours.
    nghttp2_option_set_stream_reset_rate_limit(table, UINT64_MAX, UINT64_MAX);
    return table;
  }();
  return made;
}

}  // namespace headrace::http
