// stream.cc – in life order: making the connection, the handshake, reading, sending, ending.
#include "net/stream.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "net/tls_client.h"
#include "net/tls_engine.h"
#include "net/tls_server.h"

namespace headrace::net {

namespace limits = base::limits;
using base::Errc;

struct Stream::Tls {
  enum class Phase : std::uint8_t {
    connecting,  // no socket yet
    shaking,     // hands
    open,
    failed,  // the owner knows
    closing,
  };

  Tls(io::BlockPool& blocks, const TlsClient& client, TlsSessions* tickets)
      : engine(blocks, client, tickets), is_client(true) {}
  Tls(io::BlockPool& blocks, const TlsServer& server) : engine(blocks, server) {}

  TlsEngine engine;
  io::SliceQueue unsealed;
  io::Timer deadline;  // of the handshake, then of the goodbye
  base::Nanos began = 0;
  Phase phase = Phase::connecting;
  const bool is_client = false;
  bool reads = false;       // recv_start was called
  bool peer_ended = false;  // by TLS: on_eof was delivered
  bool lost = false;        // the connection ended before the owner began to read
  bool shut_wanted = false;
  bool shut_done = false;
  bool prompt_sent = false;
  std::string_view failure_text;
};

Stream::Stream(io::Io& io, io::SocketOwner& owner) : io_(io), owner_(&owner), socket_(*this) {}

Stream::~Stream() = default;

// -- making the connection

base::Status Stream::connect(const sockaddr_storage& address, socklen_t size, io::Side side) {
  HEADRACE_ASSERT(tls_ == nullptr);
  return io_.connect(socket_, address, size, side);
}

base::Status Stream::connect(const sockaddr_storage& address,
                             socklen_t size,
                             io::Side side,
                             const TlsClient& tls,
                             TlsSessions* tickets) {
  HEADRACE_ASSERT(tls_ == nullptr);
  const base::Status status = io_.connect(socket_, address, size, side);
  if (!status) return status;
  tls_ = std::make_unique<Tls>(io_.blocks(), tls, tickets);
  tls_->deadline.bind<&Stream::on_deadline>(*this);
  return {};
}

void Stream::secure(const TlsClient& tls, TlsSessions* tickets) {
  HEADRACE_ASSERT(tls_ == nullptr && socket_.is_open());
  tls_ = std::make_unique<Tls>(io_.blocks(), tls, tickets);
  tls_->deadline.bind<&Stream::on_deadline>(*this);
  begin_handshake();
  advance_handshake();
}

void Stream::adopt(int fd, io::Side side) {
  HEADRACE_ASSERT(tls_ == nullptr);
  io_.adopt(socket_, fd, side);
}

void Stream::adopt(int fd, io::Side side, const TlsServer& tls) {
  HEADRACE_ASSERT(tls_ == nullptr);
  io_.adopt(socket_, fd, side);
  tls_ = std::make_unique<Tls>(io_.blocks(), tls);
  tls_->deadline.bind<&Stream::on_deadline>(*this);
  begin_handshake();
}

void Stream::on_connected(base::Status status) {
  if (tls_ == nullptr || !status) return owner_->on_connected(status);
  if (tls_->phase == Tls::Phase::closing) return;
  begin_handshake();
  advance_handshake();
}

// -- the handshake

void Stream::begin_handshake() {
  tls_->phase = Tls::Phase::shaking;
  tls_->began = io_.now();
  if (!socket_.receiving) io_.recv_start(socket_);
  io_.timers().schedule(tls_->deadline, io_.now() + limits::kTlsHandshake);
}

void Stream::advance_handshake() {
  switch (tls_->engine.shake_hands()) {
    case TlsEngine::Outcome::more:
      flush();
      return;
    case TlsEngine::Outcome::done:
      break;
    default:
      flush();
      return fail(tls_->engine.failure(), tls_->engine.failure_text());
  }
  flush();
  io_.timers().cancel(tls_->deadline);
  tls_->phase = Tls::Phase::open;
  if (!tls_->unsealed.empty() || tls_->shut_wanted) io_.at_turn_end(*this);
  owner_->on_connected({});
  if (!is_open()) return;
  if (!tls_->reads) {
    io_.pause(socket_, io::kPauseUnread);
  } else {
    read();
  }
}

void Stream::on_deadline() {
  if (tls_->phase == Tls::Phase::shaking) {
    const Errc code = tls_->is_client ? Errc::connect_timeout : Errc::request_timeout;
    fail(code, "no TLS handshake in time");
  } else {
    io_.close(socket_, io::CloseHow::orderly);  // the goodbye found no room
  }
}

// -- reading

void Stream::recv_start() {
  if (tls_ == nullptr) {
    if (!socket_.receiving) io_.recv_start(socket_);
    return;
  }
  if (tls_->reads) return;
  tls_->reads = true;
  if (tls_->phase != Tls::Phase::open) return;
  io_.resume(socket_, io::kPauseUnread);
  if (tls_->engine.has_input() || tls_->lost) io_.at_turn_end(*this);
}

void Stream::on_data(io::Slice slice) {
  if (tls_ == nullptr) return owner_->on_data(std::move(slice));
  switch (tls_->phase) {
    case Tls::Phase::shaking:
      tls_->engine.feed(std::move(slice));
      return advance_handshake();
    case Tls::Phase::open:
      if (tls_->peer_ended) return;
      tls_->engine.feed(std::move(slice));
      if (tls_->reads) read();
      return;
    case Tls::Phase::connecting:
    case Tls::Phase::failed:
    case Tls::Phase::closing:
      return;
  }
}

// Delivers what is there. The owner may close from any event.
void Stream::read() {
  while (is_open() && !tls_->peer_ended) {
    io::Slice plaintext;
    const TlsEngine::Outcome outcome = tls_->engine.read(plaintext);
    if (!tls_->engine.output().empty()) flush();  // an alert, an answer to new keys
    switch (outcome) {
      case TlsEngine::Outcome::done:
        owner_->on_data(std::move(plaintext));
        if (tls_ == nullptr || !tls_->engine.has_input()) return;
        continue;
      case TlsEngine::Outcome::more:
        return;
      case TlsEngine::Outcome::ended:
        tls_->peer_ended = true;
        owner_->on_eof();
        return;
      case TlsEngine::Outcome::failed:
        return fail(tls_->engine.failure(), tls_->engine.failure_text());
    }
  }
}

void Stream::on_eof() {
  if (tls_ == nullptr) return owner_->on_eof();
  switch (tls_->phase) {
    case Tls::Phase::connecting:
    case Tls::Phase::failed:
      return;
    case Tls::Phase::shaking:
      return fail(Errc::tls_failed, "the connection ended in the middle of the handshake");
    case Tls::Phase::open:
      if (tls_->peer_ended) return;
      tls_->lost = true;
      if (tls_->reads) fail(Errc::tls_truncated, "the connection ended without close_notify");
      return;
    case Tls::Phase::closing:
      io_.close(socket_, io::CloseHow::orderly);
      return;
  }
}

void Stream::on_error(base::Error error) {
  if (tls_ == nullptr) return owner_->on_error(error);
  if (tls_->phase == Tls::Phase::closing) {
    io_.close(socket_, io::CloseHow::orderly);
    return;
  }
  report(error);
}

// -- sending

void Stream::send(io::Slice slice) {
  if (tls_ == nullptr) return io_.send(socket_, std::move(slice));
  HEADRACE_ASSERT(!tls_->shut_wanted);
  if (slice.empty() || tls_->phase >= Tls::Phase::failed) return;
  push(std::move(slice));
  if (tls_->phase == Tls::Phase::open) io_.at_turn_end(*this);
}

void Stream::send_copy(std::string_view bytes) {
  if (tls_ == nullptr) return io_.send_copy(socket_, bytes);
  HEADRACE_ASSERT(!tls_->shut_wanted);
  if (bytes.empty() || tls_->phase >= Tls::Phase::failed) return;
  push_copy(bytes);
  if (tls_->phase == Tls::Phase::open) io_.at_turn_end(*this);
}

// A piece alone is sealed from where it lies. Several are copied together anyway, to become one
// record, so small ones are copied at once; likewise where receive buffers are running out.
void Stream::push(io::Slice slice) {
  io::SliceQueue& unsealed = tls_->unsealed;
  const bool small = unsealed.count() > 1 && slice.size() <= limits::kSmallPieceBytes;
  const bool wanted = socket_.sending() && slice.buffer() != nullptr &&
                      slice.buffer()->home == &io_.receive_pool(io::Side::upstream) &&
                      slice.buffer()->home->scarce();
  const bool touches = !unsealed.empty() && unsealed.back().touches(slice);
  if (!touches && (small || wanted)) return push_copy(slice.view());
  unsealed.push(std::move(slice));
}

void Stream::push_copy(std::string_view bytes) {
  io::SliceQueue& unsealed = tls_->unsealed;
  while (!bytes.empty()) {
    const bool fits =
        !unsealed.empty() && unsealed.back().buffer() != nullptr && unsealed.back().tailroom() != 0;
    if (!fits) {
      constexpr std::size_t kBlock = 4000;
      const std::size_t wanted = unsealed.empty() ? bytes.size() : std::max(bytes.size(), kBlock);
      io::Slice block = io_.blocks().take(std::min(wanted, limits::kTlsRecordBytes));
      const std::size_t count = std::min(bytes.size(), block.tailroom());
      std::memcpy(block.data(), bytes.data(), count);
      block.grow_back(count);
      unsealed.push(std::move(block), false);
      bytes.remove_prefix(count);
      continue;
    }
    const std::size_t count = std::min(bytes.size(), unsealed.back().tailroom());
    std::memcpy(unsealed.back().data() + unsealed.back().size(), bytes.data(), count);
    unsealed.extend_back(count);
    bytes.remove_prefix(count);
  }
}

void Stream::on_turn_end() {
  if (tls_ == nullptr || tls_->phase != Tls::Phase::open) return;
  seal();
  // What waited for recv_start().
  if (tls_->reads && tls_->engine.has_input()) read();
  if (is_open() && tls_->reads && tls_->lost && !tls_->peer_ended)
    fail(Errc::tls_truncated, "the connection ended without close_notify");
}

// Seals no further ahead than the kernel takes; on_sent brings us back here.
void Stream::seal() {
  io::SliceQueue& unsealed = tls_->unsealed;
  while (!unsealed.empty() && socket_.queued_bytes() < limits::kTlsSealAhead) {
    if (!seal_some()) return;
    flush();
  }
  socket_.prompt_sent = tls_->prompt_sent || !unsealed.empty();
  if (!unsealed.empty() || !tls_->shut_wanted || tls_->shut_done) return;
  tls_->shut_done = true;
  tls_->engine.end();
  flush();
  io_.shutdown_after_send(socket_);
}

// One record.
bool Stream::seal_some() {
  io::SliceQueue& unsealed = tls_->unsealed;
  const std::size_t size = std::min(unsealed.bytes(), limits::kTlsRecordBytes);
  const bool sealed = tls_->engine.write(unsealed, size);
  if (!sealed) fail(tls_->engine.failure(), tls_->engine.failure_text());
  return sealed;
}

void Stream::flush() {
  io::SliceQueue& output = tls_->engine.output();
  while (!output.empty()) io_.send(socket_, output.pop());
}

void Stream::on_sent() {
  if (tls_ == nullptr) return owner_->on_sent();
  if (tls_->phase == Tls::Phase::closing) {
    if (socket_.queued_bytes() == 0) io_.close(socket_, io::CloseHow::orderly);
    return;
  }
  if (tls_->phase != Tls::Phase::open) return;
  if (!tls_->unsealed.empty()) io_.at_turn_end(*this);
  owner_->on_sent();
}

std::size_t Stream::queued_bytes() const {
  return socket_.queued_bytes() + (tls_ == nullptr ? 0 : tls_->unsealed.bytes());
}

void Stream::set_prompt_sent(bool prompt) {
  socket_.prompt_sent = prompt;
  if (tls_ == nullptr) return;
  tls_->prompt_sent = prompt;
  socket_.prompt_sent = prompt || !tls_->unsealed.empty();
}

// -- ending

void Stream::shutdown_after_send() {
  if (tls_ == nullptr) return io_.shutdown_after_send(socket_);
  if (tls_->phase >= Tls::Phase::failed || tls_->shut_wanted) return;
  tls_->shut_wanted = true;
  if (tls_->phase == Tls::Phase::open) io_.at_turn_end(*this);
}

void Stream::fail(Errc code, std::string_view text) {
  tls_->failure_text = text;
  report(socket_.side == io::Side::upstream ? base::upstream_error(code)
                                            : base::client_error(code));
}

// Once. A connection that was being made hears of it where it waits for the outcome.
void Stream::report(base::Error error) {
  if (tls_->phase >= Tls::Phase::failed) return;
  const bool was_shaking = tls_->phase == Tls::Phase::shaking;
  const bool awaited = was_shaking && tls_->is_client;
  tls_->phase = Tls::Phase::failed;
  io_.timers().cancel(tls_->deadline);
  tls_->unsealed.clear();
  if (awaited) {
    owner_->on_connected(error);
  } else {
    owner_->on_error(error);
  }
}

// Something is to be said before the end, and may be: an alert that waits, or the end of TLS.
bool Stream::has_goodbye() {
  constexpr std::size_t kAlertMost = 4096;  // with the flight of a handshake before it
  if (!socket_.is_open() || socket_.failed) return false;
  if (tls_->phase == Tls::Phase::failed)
    return socket_.queued_bytes() != 0 && socket_.queued_bytes() <= kAlertMost;
  if (tls_->phase != Tls::Phase::open || queued_bytes() != 0 || tls_->shut_wanted) return false;
  tls_->engine.end();
  flush();
  return socket_.queued_bytes() != 0;
}

void Stream::close(io::CloseHow how) {
  if (tls_ == nullptr) return io_.close(socket_, how);
  if (tls_->phase == Tls::Phase::closing) return;
  const bool goodbye = how == io::CloseHow::orderly && has_goodbye();
  tls_->phase = Tls::Phase::closing;
  turn_end_link.unlink();
  tls_->unsealed.clear();
  io_.timers().cancel(tls_->deadline);
  if (!goodbye) return io_.close(socket_, how);
  socket_.prompt_sent = true;
  io_.resume(socket_, io::kPauseBackpressure);  // to hear of the peer's end
  io_.timers().schedule(tls_->deadline, io_.now() + limits::kTlsGoodbye);
}

void Stream::on_closed() {
  if (tls_ != nullptr) {
    turn_end_link.unlink();
    io_.timers().cancel(tls_->deadline);
    tls_.reset();
    socket_.prompt_sent = false;
  }
  owner_->on_closed();
}

// -- what it is like

bool Stream::is_open() const {
  if (tls_ == nullptr) return socket_.is_open();
  return tls_->phase == Tls::Phase::open && socket_.is_open();
}

bool Stream::is_closing() const {
  return socket_.state == io::Socket::State::closing ||
         (tls_ != nullptr && tls_->phase == Tls::Phase::closing && !socket_.is_closed());
}

bool Stream::resumed() const {
  return tls_ != nullptr && tls_->engine.resumed();
}

std::unique_ptr<const PeerCertificate> Stream::peer_certificate() const {
  return tls_ == nullptr ? nullptr : tls_->engine.peer_certificate();
}

std::string_view Stream::protocol() const {
  return tls_ == nullptr ? std::string_view{} : tls_->engine.protocol();
}

base::Nanos Stream::connected_at() const {
  return tls_ == nullptr ? 0 : tls_->began;
}

std::string_view Stream::failure_text() const {
  return tls_ == nullptr ? std::string_view{} : tls_->failure_text;
}

}  // namespace headrace::net
