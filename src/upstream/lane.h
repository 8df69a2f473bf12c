// Lane: one byte stream to one address of an origin. It is made for a Dial, which may try several
// side by side; the one that comes about is lent to a connection, which then hears its events.
// Owned by the Pool; whoever has it last says abandon(), or release() after on_closed. One thread.
#pragma once

#include <cstddef>

#include "base/intrusive_list.h"
#include "io/io.h"
#include "net/stream.h"

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
  // Somebody is there, though hands are not shaken yet.
  bool reached() const { return stream_.connected_at() != 0; }

  // -- events, until it is lent
  void on_connected(base::Status status) override;
  void on_data(io::Slice slice) override;
  void on_eof() override;
  void on_error(base::Error error) override;
  void on_sent() override {}
  void on_closed() override;

  base::ListLink link;  // the dial's

 private:
  Pool& pool_;
  Dial* dial_;
  net::Stream stream_;
  const std::size_t endpoint_;
};

}  // namespace headrace::upstream
