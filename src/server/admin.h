// The admin listener: one small HTTP/1.1 server for probes and scrapes, on loopback or a Unix
// socket, never on the data path's sockets. It is driven by poll(2) from the control thread,
// together with whatever else that thread waits for: add_fds() says what to poll, timeout_ms() how
// long at most, on_ready() does what is due. It never blocks (a metrics page excepted: it takes as
// long as rendering it).
//
// One request a connection, then close. Bounded by limits::kAdmin*: when all connections are taken
// the one that made no progress for the longest time goes, so that a probe always gets through.
#pragma once

#include <poll.h>

#include <list>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "http/h1_parser.h"
#include "net/address.h"
#include "server/admin_page.h"

namespace headrace::server {

class Admin {
 public:
  explicit Admin(AdminSource& source) : source_(source) {}
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;
  ~Admin() { close(); }

  // REQUIRES: not listening.
  base::Status listen(const net::Address& address);
  // The address listened on, with the port the kernel chose when 0 was asked for.
  const net::Address& address() const { return address_; }
  // Drops all connections, stops listening, removes a Unix socket's file. May listen again.
  void close();

  // -- one round of the control thread's poll. `now` is CLOCK_MONOTONIC.
  void add_fds(std::vector<pollfd>& fds, base::Nanos now) const;
  // At most so long until something is due; -1 when nothing is.
  int timeout_ms(base::Nanos now) const;
  // `fds` may hold descriptors of others; only those from add_fds() are looked at.
  void on_ready(std::span<const pollfd> fds, base::Nanos now);
  // All of it, for a thread that waits for nothing else.
  void step(int timeout_ms);

  std::size_t connections() const { return connections_.size(); }

 private:
  enum class State : std::uint8_t {
    reading,    // the request head
    writing,    // the answer
    lingering,  // until the peer closes too: closing on unread bytes would reset the answer away
    closed,
  };

  struct Connection {
    int fd = -1;
    State state = State::reading;
    base::Nanos deadline = 0;  // extended by progress, but not while reading
    http::H1RequestParser parser;
    std::string input;
    std::string output;
    std::size_t sent = 0;
  };

  void accept_all(base::Nanos now);
  void make_room();
  void on_connection(Connection& connection, short events, base::Nanos now);
  void read_head(Connection& connection, base::Nanos now);
  void answer(Connection& connection, std::string message, base::Nanos now);
  void write_some(Connection& connection, base::Nanos now);
  void read_away(Connection& connection);
  void on_deadline(Connection& connection, base::Nanos now);

  AdminSource& source_;
  int listener_ = -1;
  net::Address address_;
  base::Nanos accept_again_at_ = 0;  // after the kernel had no descriptor for us
  std::list<Connection> connections_;
};

}  // namespace headrace::server
