// Stream: the byte stream that a connection owns, plain or TLS. Its verbs are those of io::Io on a
// socket, its events those of io::SocketOwner, in the same contract (io/socket.h), whatever is
// below. Plain, it is an io::Socket and a forwarding call. With TLS:
//
//   - on_connected comes after the handshake, and after adopt() too. A handshake that fails says so
//     there after connect(), by on_error after adopt(); failure_text() has the words. No byte of
//     ours leaves before the peer's certificate was found good.
//   - on_data delivers plaintext in blocks of ours, with room before and behind the bytes.
//   - on_eof comes only where the peer said by TLS that it ends. A connection that just ends is
//     on_error(tls_truncated): what was received may not be everything.
//   - What a turn sends leaves in one record where it fits. Towards a slow peer plaintext waits
//     here, unsealed; queued_bytes() counts both sides of the seal.
//   - close(orderly) hands a last alert or the end of TLS to the kernel first, for at most
//     kTlsGoodbye, and on_closed comes that much later. Where bytes are still queued nothing is
//     said: what the peer has must not look complete.
//
// A stream may be made by one object and lent to another: set_owner(). One that began plain turns
// into TLS where it stands by secure(), behind a proxy's CONNECT.
//
// Owned by its connection, one thread. The TLS part (about 8 KB with the library's) is made for a
// connection and dropped with it; nothing is allocated by us for an event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "io/io.h"
#include "net/peer_certificate.h"

namespace headrace::net {

class TlsClient;
class TlsEngine;
class TlsServer;
class TlsSessions;

class Stream final : private io::SocketOwner, private io::TurnEndOwner {
 public:
  Stream(io::Io& io, io::SocketOwner& owner);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  // Who hears the events from here on; from inside an event too.
  void set_owner(io::SocketOwner& owner) { owner_ = &owner; }

  // -- verbs; as those of io::Io
  base::Status connect(const sockaddr_storage& address, socklen_t size, io::Side side);
  // `tls` and `tickets` (may be null) outlive the connection.
  base::Status connect(const sockaddr_storage& address,
                       socklen_t size,
                       io::Side side,
                       const TlsClient& tls,
                       TlsSessions* tickets);
  // A second on_connected() follows, as if it had been made with `tls`. REQUIRES: plain, open,
  // recv_start() was called, and nothing that was received is left.
  void secure(const TlsClient& tls, TlsSessions* tickets);
  void adopt(int fd, io::Side side);
  void adopt(int fd, io::Side side, const TlsServer& tls);
  void recv_start();
  void pause(io::PauseReason reason) { io_.pause(socket_, reason); }
  void resume(io::PauseReason reason) { io_.resume(socket_, reason); }
  void send(io::Slice slice);
  void send_copy(std::string_view bytes);
  void shutdown_after_send();
  void close(io::CloseHow how);
  // As Socket::prompt_sent.
  void set_prompt_sent(bool prompt);

  bool is_open() const;  // bytes may be sent and received
  bool is_closed() const { return socket_.is_closed(); }
  bool is_closing() const;
  bool paused() const { return socket_.paused(); }
  bool sending() const { return socket_.sending(); }
  std::size_t queued_bytes() const;

  // -- about TLS; nothing without it
  bool is_tls() const { return tls_ != nullptr; }
  bool resumed() const;  // the handshake built on an earlier one
  std::unique_ptr<const PeerCertificate> peer_certificate() const;  // allocates
  std::string_view protocol() const;      // what ALPN settled on; empty: nothing
  base::Nanos connected_at() const;       // when the handshake began; 0: plain
  std::string_view failure_text() const;  // constants; empty while nothing failed

 private:
  struct Tls;

  // -- events of the socket
  void on_connected(base::Status status) override;
  void on_data(io::Slice slice) override;
  void on_eof() override;
  void on_error(base::Error error) override;
  void on_sent() override;
  void on_closed() override;
  void on_turn_end() override;
  void on_deadline();

  void begin_handshake();
  void advance_handshake();
  void read();
  void push(io::Slice slice);
  void push_copy(std::string_view bytes);
  void seal();
  bool seal_some();
  void flush();
  void fail(base::Errc code, std::string_view text);
  void report(base::Error error);
  bool has_goodbye();

  io::Io& io_;
  io::SocketOwner* owner_;
  io::Socket socket_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace headrace::net
