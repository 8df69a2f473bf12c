// Door: one connection to the mock as it comes in: plain or TLS, and behind that HTTP/1.1 or
// HTTP/2, as ALPN or the first bytes say. Owned by the service; dies in on_closed. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "connection.h"
#include "h2_side.h"
#include "net/stream.h"

namespace headrace::net {
class TlsServer;
}

namespace headrace::mock {

class Door final : public io::SocketOwner, public Outlet {
 public:
  Door(Service& service, io::Io& io, http::H2Memory& memory);
  ~Door();

  // `slow`: before it shakes hands. `age_most`: then it ends; 0: never.
  void start(int fd, const net::TlsServer* tls, bool h2, base::Nanos slow, base::Nanos age_most);
  void stop();

  // -- events of the stream
  void on_connected(base::Status status) override;
  void on_data(io::Slice slice) override;
  void on_eof() override { on_gone(); }
  void on_error(base::Error) override { on_gone(); }
  void on_sent() override;
  void on_closed() override;

  // -- for HTTP/1.1
  void send(std::string_view bytes) override { stream_.send_copy(bytes); }
  std::size_t queued_bytes() const override { return stream_.queued_bytes(); }
  void set_prompt_sent(bool prompt) override { stream_.set_prompt_sent(prompt); }
  void close(io::CloseHow how) override;
  void refuse() override { close(io::CloseHow::abort); }
  bool say_goodbye() override { return false; }

 private:
  void begin();
  void on_gone();
  void on_timer();
  void choose(std::string_view first);

  Service& service_;
  io::Io& io_;
  http::H2Memory& memory_;
  net::Stream stream_;
  io::Timer timer_;  // to begin; then of its age
  const net::TlsServer* tls_ = nullptr;
  int fd_ = -1;  // until it begins
  bool h2_ = false;
  base::Nanos age_most_ = 0;
  std::optional<Connection> http1_;
  std::optional<H2Side> http2_;
};

}  // namespace headrace::mock
