#include "door.h"

#include <unistd.h>

#include "net/tls_server.h"
#include "service.h"

namespace headrace::mock {

Door::Door(Service& service, io::Io& io, http::H2Memory& memory)
    : service_(service), io_(io), memory_(memory), stream_(io, *this) {
  timer_.bind<&Door::on_timer>(*this);
}

Door::~Door() {
  io_.timers().cancel(timer_);
}

void Door::start(
    int fd, const net::TlsServer* tls, bool h2, base::Nanos slow, base::Nanos age_most) {
  fd_ = fd;
  tls_ = tls;
  h2_ = h2;
  age_most_ = age_most;
  if (slow == 0) {
    begin();
  } else {
    io_.timers().schedule(timer_, io_.now() + slow);
  }
}

void Door::begin() {
  const int fd = std::exchange(fd_, -1);
  if (age_most_ != 0) io_.timers().schedule(timer_, io_.now() + age_most_);
  if (tls_ != nullptr) return stream_.adopt(fd, io::Side::client, *tls_);
  stream_.adopt(fd, io::Side::client);
  stream_.recv_start();
}

void Door::on_timer() {
  if (fd_ >= 0) return begin();
  if (http1_) http1_->retire();
  if (http2_) http2_->say_goodbye();
}

void Door::on_connected(base::Status) {
  service_.note_handshake(stream_.resumed());
  stream_.recv_start();
}

void Door::choose(std::string_view first) {
  const bool chosen =
      tls_ != nullptr ? stream_.protocol() == "h2" : h2_ && first.starts_with("PRI ");
  if (chosen) {
    http2_.emplace(service_, io_, memory_, stream_);
  } else {
    http1_.emplace(service_, io_, *this);
  }
}

void Door::on_data(io::Slice slice) {
  if (!http1_ && !http2_) choose(slice.view());
  if (http1_) return http1_->on_bytes(slice.view());
  http2_->on_bytes(std::move(slice));
  if (!http2_->over()) return;
  http2_->on_end();
  close(io::CloseHow::orderly);
}

void Door::on_sent() {
  if (http1_) http1_->on_sent();
  if (http2_) http2_->on_sent();
}

void Door::on_gone() {
  if (http1_) http1_->on_end();
  if (http2_) http2_->on_end();
  close(io::CloseHow::abort);
}

void Door::close(io::CloseHow how) {
  if (!stream_.is_closed() && !stream_.is_closing()) stream_.close(how);
}

void Door::stop() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
    return service_.on_closed(*this);  // destroys this object
  }
  if (http1_) http1_->stop();
  if (http2_) http2_->on_end();
  close(io::CloseHow::abort);
}

void Door::on_closed() {
  service_.on_closed(*this);  // destroys this object
}

}  // namespace headrace::mock
