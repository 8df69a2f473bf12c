// Lane: one byte stream to one address of an origin, or of the proxy that stands before it; then it
// has come about when the proxy has let it through. It is made for a Dial, which may try several
// side by side; the one that comes about is lent to a connection, which then hears its events.
// Owned by the Pool; whoever has it last says abandon(), or release() after on_closed. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/intrusive_list.h"
#include "io/io.h"
#include "net/stream.h"
#include "upstream/tunnel.h"

namespace headrace::upstream {

class Dial;
class Origin;
class Pool;
struct Endpoint;

class Lane final : public io::SocketOwner {
 public:
  Lane(io::Io& io, Pool& pool, Dial& dial, std::size_t endpoint);

  base::Status connect(const Endpoint& endpoint, Origin& origin);
  // From here on `owner` hears the events.
  void lend(io::SocketOwner& owner);
  // Nobody wants it any more: it closes, and goes when it is closed.
  void abandon(io::CloseHow how);

  net::Stream& stream() { return stream_; }
  std::size_t endpoint() const { return endpoint_; }  // index of the origin's
  // Somebody is there, though the lane has not come about yet.
  bool reached() const { return asked_ || shaking(); }
  // Hands, which is TLS.
  bool shaking() const { return stream_.connected_at() != 0; }
  // What went wrong once somebody was there, in words for the log; empty: nothing did.
  std::string failure_text() const;
  // Time is up.
  void note_timeout();

  // -- events, until it is lent
  void on_connected(base::Status status) override;
  void on_data(io::Slice slice) override;
  void on_eof() override;
  void on_error(base::Error error) override;
  void on_sent() override {}
  void on_closed() override;

  base::ListLink link;  // the dial's

 private:
  void pass();

  io::Io& io_;
  Pool& pool_;
  Dial* dial_;
  Origin* origin_ = nullptr;  // once it connects
  net::Stream stream_;
  std::unique_ptr<Tunnel> tunnel_;  // until the proxy has let us through
  const std::size_t endpoint_;
  bool asked_ = false;  // the proxy
};

}  // namespace headrace::upstream
