#include "upstream/lane.h"

#include "upstream/dial.h"
#include "upstream/origin.h"
#include "upstream/pool.h"

namespace headrace::upstream {

Lane::Lane(io::Io& io, Pool& pool, Dial& dial, std::size_t endpoint)
    : io_(io), pool_(pool), dial_(&dial), stream_(io, *this), endpoint_(endpoint) {}

base::Status Lane::connect(const Endpoint& endpoint, Origin& origin) {
  origin_ = &origin;
  const bool tunnels = origin.egress() != nullptr && origin.egress()->tunnels();
  if (tunnels) tunnel_ = std::make_unique<Tunnel>(origin.egress());
  if (tunnels || origin.tls() == nullptr) {
    return stream_.connect(endpoint.address, endpoint.size, io::Side::upstream);
  }
  return stream_.connect(
      endpoint.address, endpoint.size, io::Side::upstream, *origin.tls(), &origin.tickets());
}

void Lane::lend(io::SocketOwner& owner) {
  link.unlink();
  dial_ = nullptr;
  stream_.set_owner(owner);
}

void Lane::abandon(io::CloseHow how) {
  link.unlink();
  dial_ = nullptr;
  stream_.set_owner(*this);
  if (stream_.is_closed()) {
    pool_.release(*this);
  } else {
    stream_.close(how);
  }
}

void Lane::on_connected(base::Status status) {
  if (dial_ == nullptr) return;
  if (!status) return dial_->on_lane_failed(*this, status.error());
  if (tunnel_ == nullptr) return dial_->on_lane_open(*this);
  asked_ = true;
  stream_.recv_start();
  stream_.send_copy(tunnel_->request());
}

// Before it is lent only a proxy has anything to say.
void Lane::on_data(io::Slice slice) {
  if (dial_ == nullptr || tunnel_ == nullptr || tunnel_->state() != Tunnel::State::waiting) return;
  switch (tunnel_->feed(std::move(slice), io_.blocks())) {
    case Tunnel::State::waiting:
      return;
    case Tunnel::State::open:
      return pass();
    case Tunnel::State::failed:
      return dial_->on_lane_failed(*this, base::upstream_error(base::Errc::proxy_failed));
  }
}

// What was the proxy's stream is the origin's from here on.
void Lane::pass() {
  tunnel_.reset();
  if (origin_->tls() == nullptr) return dial_->on_lane_open(*this);
  stream_.secure(*origin_->tls(), &origin_->tickets());
}

void Lane::on_eof() {
  on_error(base::upstream_error(base::Errc::upstream_closed));
}

void Lane::on_error(base::Error error) {
  if (dial_ == nullptr) return;
  if (asked_ && tunnel_ != nullptr && tunnel_->state() == Tunnel::State::waiting) {
    tunnel_->note_end();
    error = base::upstream_error(base::Errc::proxy_failed, error.os_errno);
  }
  dial_->on_lane_failed(*this, error);
}

void Lane::note_timeout() {
  if (asked_ && tunnel_ != nullptr) tunnel_->note_timeout();
}

std::string Lane::failure_text() const {
  if (tunnel_ != nullptr && tunnel_->state() == Tunnel::State::failed)
    return tunnel_->failure_text();
  return std::string(stream_.failure_text());
}

void Lane::on_closed() {
  pool_.release(*this);
}

}  // namespace headrace::upstream
