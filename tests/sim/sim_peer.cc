#include "sim_peer.h"

#include <algorithm>

#include "base/assert.h"

namespace headrace::sim {
namespace {

std::uint64_t turn_of(const std::vector<SimEnd::Mark>& marks, std::uint64_t offset) {
  const auto found = std::lower_bound(
      marks.begin(), marks.end(), offset, [](const SimEnd::Mark& mark, std::uint64_t wanted) {
        return mark.offset < wanted;
      });
  return found == marks.end() ? 0 : found->turn;
}

}  // namespace

SimPeer::~SimPeer() {
  if (end_ != nullptr) end_->reset();
}

void SimPeer::dial(const sockaddr_storage& address) {
  HEADRACE_ASSERT(end_ == nullptr);
  end_ = &net_.dial(address, *this, false);
}

void SimPeer::attach(SimEnd& end) {
  HEADRACE_ASSERT(end_ == nullptr);
  end_ = &end;
  end.set_user(this);
  connected_ = true;
  on_connected();
}

void SimPeer::send(std::string_view bytes) {
  HEADRACE_ASSERT(!shut_wanted_ && !close_wanted_);
  sent_ += bytes.size();
  waiting_ += bytes;
  push();
}

void SimPeer::shutdown_write() {
  shut_wanted_ = true;
  push();
}

void SimPeer::close() {
  close_wanted_ = true;
  if (dialling()) {
    end_->close();
    return;
  }
  push();
}

void SimPeer::reset() {
  if (!finished()) end_->reset();
}

void SimPeer::push() {
  if (!open() || saw_reset_) return;
  if (!waiting_.empty()) {
    waiting_.erase(0, end_->write(waiting_));
    if (!waiting_.empty()) return;
    on_drained();
    if (finished() || !waiting_.empty()) return;
  }
  if (close_wanted_) {
    end_->close();
  } else if (shut_wanted_) {
    end_->shutdown_write();
  }
}

void SimPeer::set_reading(bool reading) {
  reading_ = reading;
  if (reading && open()) on_arrival(*end_);
}

std::size_t SimPeer::read_some(std::size_t bytes) {
  if (!open()) return 0;
  const std::uint64_t before = received_;
  read(bytes);
  if (open()) on_arrival(*end_);
  return static_cast<std::size_t>(received_ - before);
}

void SimPeer::read(std::size_t bytes_max) {
  const std::string bytes(end_->unread().substr(0, bytes_max));
  if (bytes.empty()) return;
  end_->consume(bytes.size());
  received_ += bytes.size();
  on_bytes(bytes);
}

void SimPeer::on_outcome(SimEnd& end, int os_errno) {
  if (os_errno != 0) {
    end.close();
    on_refused(os_errno);
    return;
  }
  connected_ = true;
  on_connected();
  push();
}

void SimPeer::on_arrival(SimEnd& end) {
  while (reading_ && open() && !end.unread().empty()) read(end.unread().size());
  if (!open()) return;
  if (end.was_reset() && !saw_reset_ && (end.unread().empty() || !reading_)) {
    saw_reset_ = true;
    end.close();
    on_reset();
    return;
  }
  if (reading_ && end.at_end() && !saw_eof_) {
    saw_eof_ = true;
    on_eof();
  }
}

void SimPeer::on_room(SimEnd&) {
  push();
}

std::uint64_t SimPeer::turn_read(std::uint64_t offset) const {
  return end_ == nullptr ? 0 : turn_of(end_->worker_read, offset);
}

std::uint64_t SimPeer::turn_offered(std::uint64_t offset) const {
  return end_ == nullptr ? 0 : turn_of(end_->worker_offered, offset);
}

bool SimPeer::worker_busy(std::uint64_t turn) const {
  return end_ != nullptr &&
         std::binary_search(end_->worker_busy.begin(), end_->worker_busy.end(), turn);
}

bool SimPeer::worker_backed_up(std::uint64_t turn) const {
  if (end_ == nullptr) return false;
  const auto& busy = end_->worker_busy;
  const auto& offered = end_->worker_offered;
  const auto last_busy = std::upper_bound(busy.begin(), busy.end(), turn);
  const auto last_offer = std::partition_point(
      offered.begin(), offered.end(), [&](const SimEnd::Mark& mark) { return mark.turn <= turn; });
  if (last_busy == busy.begin() || last_offer == offered.begin()) return false;
  return *(last_busy - 1) >= (last_offer - 1)->turn;
}

std::uint64_t SimPeer::bytes_read() const {
  return end_ == nullptr || end_->worker_read.empty() ? 0 : end_->worker_read.back().offset;
}

std::uint64_t SimPeer::bytes_read_by(std::uint64_t turn) const {
  if (end_ == nullptr) return 0;
  const auto& marks = end_->worker_read;
  const auto behind = std::partition_point(
      marks.begin(), marks.end(), [&](const SimEnd::Mark& mark) { return mark.turn <= turn; });
  return behind == marks.begin() ? 0 : (behind - 1)->offset;
}

SimListenerPeer::SimListenerPeer(SimNet& net, const sockaddr_storage& address) : net_(net) {
  net_.listen(address, *this);
}

SimListenerPeer::~SimListenerPeer() {
  net_.unlisten(*this);
}

bool SimListenerPeer::on_dialled(SimEnd& end) {
  SimPeer* peer = mode_ == Mode::answers ? on_accept() : nullptr;
  if (peer == nullptr) return false;
  peer->attach(end);
  return true;
}

}  // namespace headrace::sim
