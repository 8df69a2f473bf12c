#include "upstream/lane.h"

#include "upstream/dial.h"
#include "upstream/origin.h"
#include "upstream/pool.h"

namespace headrace::upstream {

Lane::Lane(io::Io& io, Pool& pool, Dial& dial, std::size_t endpoint)
    : pool_(pool), dial_(&dial), stream_(io, *this), endpoint_(endpoint) {}

base::Status Lane::connect(const Endpoint& endpoint, Origin& origin) {
  if (origin.tls() == nullptr) {
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
  if (status) {
    dial_->on_lane_open(*this);
  } else {
    dial_->on_lane_failed(*this, status.error());
  }
}

void Lane::on_data(io::Slice) {}

void Lane::on_eof() {
  on_error(base::upstream_error(base::Errc::upstream_closed));
}

void Lane::on_error(base::Error error) {
  if (dial_ != nullptr) dial_->on_lane_failed(*this, error);
}

void Lane::on_closed() {
  pool_.release(*this);
}

}  // namespace headrace::upstream
