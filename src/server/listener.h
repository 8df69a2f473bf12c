// One listening socket of one worker: hands accepted connections on, and says once in a while that
// the process is out of descriptors. Owned by the worker, its thread.
#pragma once

#include <cstdint>
#include <utility>

#include "base/time.h"
#include "config/snapshot.h"
#include "io/io.h"

namespace headrace::server {

class AcceptOwner {
 public:
  virtual void on_client(int fd, const config::Listen& terms) = 0;

 protected:
  ~AcceptOwner() = default;
};

class Listener final : public io::ListenerOwner {
 public:
  Listener(io::Io& io, AcceptOwner& owner, config::Listen terms)
      : io_(io), owner_(owner), terms_(std::move(terms)), listener_(*this) {}

  void start(int fd) { io_.listen_start(listener_, fd); }
  void stop();
  bool closed() const { return listener_.fd < 0; }
  // For connections from here on: a reload may bring other certificates. Ignored where they are
  // those of another place.
  void set_terms(const config::Listen& terms) {
    if (terms.address == terms_.address) terms_ = terms;
  }

  // -- events
  void on_accept(int fd) override { owner_.on_client(fd, terms_); }
  void on_accept_error(base::Error error) override;
  void on_listener_closed() override {}

 private:
  io::Io& io_;
  AcceptOwner& owner_;
  config::Listen terms_;
  io::Listener listener_;
  base::Nanos complained_at_ = 0;
  bool stopping_ = false;
};

}  // namespace headrace::server
