// One listening socket of one worker: hands accepted connections on, and says once in a while that
// the process is out of descriptors. Owned by the worker, its thread.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "config/snapshot.h"
#include "io/io.h"

namespace headrace::server {

class AcceptOwner {
 public:
  virtual void on_client(int fd, config::HalfClose half_close) = 0;

 protected:
  ~AcceptOwner() = default;
};

class Listener final : public io::ListenerOwner {
 public:
  Listener(io::Io& io, AcceptOwner& owner, config::HalfClose half_close)
      : io_(io), owner_(owner), half_close_(half_close), listener_(*this) {}

  void start(int fd) { io_.listen_start(listener_, fd); }
  void stop();
  bool closed() const { return listener_.fd < 0; }

  // -- events
  void on_accept(int fd) override { owner_.on_client(fd, half_close_); }
  void on_accept_error(base::Error error) override;
  void on_listener_closed() override {}

 private:
  io::Io& io_;
  AcceptOwner& owner_;
  const config::HalfClose half_close_;
  io::Listener listener_;
  base::Nanos complained_at_ = 0;
  bool stopping_ = false;
};

}  // namespace headrace::server
