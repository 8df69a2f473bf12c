#include "upstream/dial.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/limits.h"
#include "upstream/origin.h"
#include "upstream/pool.h"

namespace headrace::upstream {

namespace limits = base::limits;
using base::Errc;

Dial::Dial(io::Io& io, Pool& pool, Origin& origin, DialOwner& owner)
    : io_(io), pool_(pool), origin_(origin), owner_(owner) {
  timer_.bind<&Dial::on_timer>(*this);
}

Dial::~Dial() {
  HEADRACE_ASSERT(lanes_.empty());
  HEADRACE_ASSERT(!timer_.scheduled());
}

base::Status Dial::start(base::Nanos deadline) {
  HEADRACE_ASSERT(deadline_ == 0);
  HEADRACE_ASSERT(!origin_.endpoints().empty());
  deadline_ = deadline;
  turn_ = origin_.next_turn();
  const base::Status status = try_next();
  if (status) arm();
  return status;
}

void Dial::stop() {
  io_.timers().cancel(timer_);
  while (Lane* lane = lanes_.front()) lane->abandon(io::CloseHow::orderly);
}

void Dial::move_deadline(base::Nanos deadline) {
  deadline_ = deadline;
  arm();
}

// -- one address after the other

// What the kernel refuses at once (a family that this host does not speak) gives way to the next;
// that descriptors are short is no address's fault.
base::Status Dial::try_next() {
  base::Error refused = base::upstream_error(Errc::connect_failed);
  while (const auto index = origin_.pick_endpoint(turn_, tried_, last_family_)) {
    const Endpoint& endpoint = origin_.endpoints()[*index];
    tried_ |= 1u << *index;
    last_family_ = endpoint.address.ss_family;
    Lane* lane = pool_.make_lane(*this, *index);
    if (lane == nullptr) return base::gateway_error(Errc::overloaded);
    const base::Status status = lane->connect(endpoint, origin_);
    if (status) {
      lanes_.push_back(*lane);
      next_at_ = io_.now() + limits::kDialStagger;
      return {};
    }
    pool_.release(*lane);
    if (status.error().code == Errc::out_of_files) return status;
    origin_.note_endpoint(*index, true);
    refused.os_errno = status.error().os_errno;
  }
  return refused;
}

// An address was reached: no other one is asked while it shakes hands, or its proxy thinks.
bool Dial::reached() {
  for (Lane* lane = lanes_.front(); lane != nullptr; lane = lanes_.after(*lane)) {
    if (lane->reached()) return true;
  }
  return false;
}

void Dial::arm() {
  const bool more =
      next_at_ > io_.now() && origin_.pick_endpoint(turn_, tried_, last_family_).has_value();
  io_.timers().schedule(timer_, more ? std::min(next_at_, deadline_) : deadline_);
}

void Dial::on_timer() {
  if (io_.now() >= deadline_) {
    note_timeout();
    fail(base::upstream_error(Errc::connect_timeout, ETIMEDOUT));
    return;
  }
  // Where it cannot be tried now, those that are under way may still come about.
  if (!reached()) static_cast<void>(try_next().ok());
  arm();
}

void Dial::note_timeout() {
  bool shaking = false;
  std::string text;
  for (Lane* lane = lanes_.front(); lane != nullptr; lane = lanes_.after(*lane)) {
    origin_.note_endpoint(lane->endpoint(), !lane->reached());
    shaking = shaking || lane->shaking();
    lane->note_timeout();
    if (text.empty()) text = lane->failure_text();
  }
  if (shaking) pool_.note_tls_failed();
  if (text.empty() && !shaking && origin_.egress() != nullptr)
    text = origin_.egress()->proxy() + " did not accept a connection in time";
  if (!text.empty()) pool_.note_failure(origin_, Errc::connect_timeout, text);
}

// -- what comes of it

void Dial::on_lane_open(Lane& lane) {
  origin_.note_endpoint(lane.endpoint(), false);
  lane.link.unlink();
  stop();
  owner_.on_dialled(lane);
}

void Dial::on_lane_failed(Lane& lane, base::Error error) {
  const std::string text = lane.failure_text();
  if (!text.empty()) {
    if (lane.shaking()) pool_.note_tls_failed();
    pool_.note_failure(origin_, error.code, text);
    fail(base::upstream_error(error.code, error.os_errno));
    return;
  }
  origin_.note_endpoint(lane.endpoint(), true);
  lane.abandon(io::CloseHow::abort);
  if (io_.now() < deadline_ && !reached()) static_cast<void>(try_next().ok());
  if (lanes_.empty()) {
    if (const auto& egress = origin_.egress(); egress != nullptr)
      pool_.note_failure(
          origin_, Errc::connect_failed, egress->proxy() + " did not accept a connection");
    fail(base::upstream_error(Errc::connect_failed, error.os_errno));
  } else {
    arm();
  }
}

void Dial::fail(base::Error error) {
  stop();
  owner_.on_dial_failed(error);
}

}  // namespace headrace::upstream
