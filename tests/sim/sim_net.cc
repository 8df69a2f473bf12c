#include "sim_net.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace headrace::sim {
namespace {

std::uint64_t key_of(const sockaddr_storage& address) {
  sockaddr_in in{};
  std::memcpy(&in, &address, sizeof in);
  HEADRACE_ASSERT(in.sin_family == AF_INET);
  return (std::uint64_t{ntohl(in.sin_addr.s_addr)} << 16) | ntohs(in.sin_port);
}

}  // namespace

SimFaults SimFaults::bumpy() {
  SimFaults faults;
  faults.delay_max = 300 * base::kMicrosecond;
  faults.slow_delivery = 0.02;
  faults.split_delivery = 0.1;
  faults.window_min = 4 * 1024;
  faults.window_max = 64 * 1024;
  faults.short_receive = 0.2;
  faults.one_byte_socket = 0.02;
  faults.short_send = 0.2;
  faults.late_completion = 0.1;
  faults.reorder = 0.5;
  faults.lazy_sent = 0.3;
  faults.overshoot = 0.3;
  faults.no_buffer = 0.05;
  return faults;
}

SimFaults SimFaults::rough() {
  SimFaults faults = bumpy();
  faults.reset = 0.002;
  faults.accept_no_files = 0.02;
  faults.connect_no_files = 0.02;
  return faults;
}

// -- the net

SimNet::SimNet(std::uint64_t seed, SimFaults faults) : prng_(seed), faults_(faults) {}
SimNet::~SimNet() = default;

bool SimNet::Event::operator<(
    const Event& other) const {  // a heap has its largest first: turned round
  if (time != other.time) return time > other.time;
  if (tie != other.tie) return tie > other.tie;
  return number > other.number;
}

sockaddr_storage SimNet::address(unsigned host, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl((10u << 24) + host);
  in.sin_port = htons(port);
  sockaddr_storage storage{};
  std::memcpy(&storage, &in, sizeof in);
  return storage;
}

void SimNet::at(base::Nanos time, std::function<void()> what) {
  const std::uint64_t tie = prng_.chance(faults_.reorder) ? prng_.next() : 0;
  events_.push_back({std::max(time, now_), tie, events_made_++, std::move(what)});
  std::push_heap(events_.begin(), events_.end());
}

bool SimNet::run_next(base::Nanos limit) {
  if (events_.empty() || events_.front().time > limit) return false;
  now_ = events_.front().time;
  advance_to(now_);
  return true;
}

void SimNet::advance_to(base::Nanos time) {
  HEADRACE_ASSERT(time >= now_);
  while (!events_.empty() && events_.front().time <= time) {
    std::pop_heap(events_.begin(), events_.end());
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.time;
    event.what();
  }
  now_ = time;
}

base::Nanos SimNet::one_way_delay() {
  if (prng_.chance(faults_.slow_delivery)) {
    return static_cast<base::Nanos>(prng_.below(static_cast<std::uint64_t>(faults_.slow_max)));
  }
  return static_cast<base::Nanos>(prng_.between(static_cast<std::uint64_t>(faults_.delay_min),
                                                static_cast<std::uint64_t>(faults_.delay_max)));
}

void SimNet::log(const char* what, std::uint64_t id, std::uint64_t size) {
  const auto mix = [this](std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ull; };
  for (const char* c = what; *c != '\0'; ++c) mix(static_cast<unsigned char>(*c));
  mix(id);
  mix(size);
  mix(static_cast<std::uint64_t>(now_));
  mix(turn_);
  hash_ ^= hash_ >> 29;
  if (trace_ == nullptr) return;
  std::fprintf(trace_,
               "%12.3f us  turn %-6llu end %-4llu %-18s %llu\n",
               static_cast<double>(now_ - base::kSecond) / 1000.0,
               static_cast<unsigned long long>(turn_),
               static_cast<unsigned long long>(id),
               what,
               static_cast<unsigned long long>(size));
}

SimEnd& SimNet::make_end() {
  ends_.push_back(std::make_unique<SimEnd>(*this, ends_.size()));
  return *ends_.back();
}

int SimNet::make_listener(const sockaddr_storage& address) {
  listener_fds_[next_fd_] = address;
  return next_fd_++;
}

sockaddr_storage SimNet::address_of_listener(int fd) const {
  const auto found = listener_fds_.find(fd);
  HEADRACE_ASSERT(found != listener_fds_.end());
  return found->second;
}

void SimNet::listen(const sockaddr_storage& address, SimEndAcceptor& acceptor) {
  SimEndAcceptor*& place = listening_[key_of(address)];
  HEADRACE_ASSERT(place == nullptr);
  place = &acceptor;
}

void SimNet::unlisten(SimEndAcceptor& acceptor) {
  std::erase_if(listening_, [&](const auto& entry) { return entry.second == &acceptor; });
}

int SimNet::open_fd(SimEnd& end) {
  fds_[next_fd_] = &end;
  return next_fd_++;
}

SimEnd& SimNet::end_of_fd(int fd) {
  const auto found = fds_.find(fd);
  HEADRACE_ASSERT(found != fds_.end());
  return *found->second;
}

SimEnd& SimNet::dial(const sockaddr_storage& address, SimEndUser& user, bool by_worker) {
  SimEnd& end = make_end();
  end.set_user(&user);
  log(by_worker ? "worker dials" : "peer dials", end.id(), key_of(address));
  after(one_way_delay(), [this, &end, address] { answer(end, address); });
  return end;
}

// The handshake arrives where it was sent to. As on a real host the caller is connected before
// anybody has accepted.
void SimNet::answer(SimEnd& caller, const sockaddr_storage& address) {
  if (caller.closed()) return;
  const auto found = listening_.find(key_of(address));
  if (found != listening_.end() && found->second->black_hole()) return;
  SimEnd* callee = nullptr;
  if (found != listening_.end()) {
    callee = &make_end();
    caller.connect_to(*callee);
    if (!found->second->on_dialled(*callee)) {
      callee->closed_ = true;
      callee->connected_ = caller.connected_ = false;
      callee = nullptr;
    }
  }
  const bool refused = callee == nullptr;
  after(one_way_delay(), [this, &caller, refused] {
    if (caller.closed()) return;
    log(refused ? "refused" : "connected", caller.id(), 0);
    if (caller.user_ != nullptr) caller.user_->on_outcome(caller, refused ? ECONNREFUSED : 0);
    if (!refused && caller.user_ != nullptr && !caller.closed()) caller.user_->on_arrival(caller);
  });
}

std::size_t SimNet::open_ends() const {
  return static_cast<std::size_t>(
      std::count_if(ends_.begin(), ends_.end(), [](const auto& end) { return !end->closed(); }));
}

bool SimNet::quiet() const {
  return std::all_of(ends_.begin(), ends_.end(), [](const auto& end) {
    return end->closed() && end->outbox_.empty();
  });
}

// -- one end

SimEnd::SimEnd(SimNet& net, std::uint64_t id) : net_(net), id_(id) {
  window_ = net.prng_.between(net.faults_.window_min, net.faults_.window_max);
}

void SimEnd::connect_to(SimEnd& other) {
  other_ = &other;
  other.other_ = this;
  connected_ = other.connected_ = true;
}

std::size_t SimEnd::room() const {
  if (other_ == nullptr) return 0;
  const std::size_t used = outbox_bytes_ + other_->unread().size();
  return used >= window_ ? 0 : window_ - used;
}

std::size_t SimEnd::write(std::string_view bytes) {
  HEADRACE_ASSERT(!write_shut_ && !closed_);
  const std::size_t taken = std::min(bytes.size(), room());
  if (taken < bytes.size()) wants_room_ = true;
  if (taken != 0) put(What::bytes, std::string(bytes.substr(0, taken)));
  return taken;
}

void SimEnd::shutdown_write() {
  if (write_shut_ || closed_) return;
  write_shut_ = true;
  put(What::fin, {});
}

void SimEnd::close(bool fin_first) {
  if (closed_) return;
  const bool left_unread = !unread().empty();
  if (connected_ && !reset_arrived_) {
    if (!write_shut_ && (fin_first || !left_unread)) put(What::fin, {});
    if (left_unread) put(What::reset, {});
  }
  net_.log("close", id_, unread().size());
  closed_ = true;
  closed_turn = net_.turn();
  user_ = nullptr;
  inbox_.clear();
  inbox_read_ = 0;
}

// What was handed over and is still on its way may or may not arrive before the RST.
void SimEnd::reset() {
  if (closed_) return;
  net_.log("reset", id_, outbox_bytes_);
  if (connected_ && !reset_arrived_) {
    if (net_.prng_.chance(0.5)) {
      outbox_.clear();
      outbox_bytes_ = 0;
    }
    put(What::reset, {});
  }
  closed_ = true;
  closed_turn = net_.turn();
  user_ = nullptr;
  inbox_.clear();
  inbox_read_ = 0;
}

void SimEnd::put(What what, std::string bytes) {
  outbox_bytes_ += bytes.size();
  outbox_.push_back({what, std::move(bytes)});
  schedule_delivery(net_.now_ + net_.one_way_delay());
}

void SimEnd::schedule_delivery(base::Nanos time) {
  last_delivery_ = std::max(last_delivery_, time);
  net_.at(last_delivery_, [this] { deliver(); });
}

// Every item on the way has its own event; which event carries which item does not matter, so the
// order of the stream is safe whatever the order of events.
void SimEnd::deliver() {
  if (outbox_.empty()) return;
  Item item = std::move(outbox_.front());
  outbox_.pop_front();
  outbox_bytes_ -= item.bytes.size();
  if (item.what == What::bytes && item.bytes.size() > 1) {
    const bool breaks = net_.prng_.chance(net_.faults_.reset);
    if (breaks || net_.prng_.chance(net_.faults_.split_delivery)) {
      const std::size_t cut = 1 + net_.prng_.below(item.bytes.size() - 1);
      outbox_.push_front({What::bytes, item.bytes.substr(cut)});
      outbox_bytes_ += item.bytes.size() - cut;
      item.bytes.resize(cut);
      net_.after(net_.one_way_delay(), [this] { deliver(); });
    }
    if (breaks) {
      other_->arrive(std::move(item));
      break_both();
      return;
    }
  }
  other_->arrive(std::move(item));
}

// The network itself resets the connection: both ends learn it.
void SimEnd::break_both() {
  SimEnd* ends[] = {this, other_};
  for (SimEnd* end : ends) {
    end->outbox_.clear();
    end->outbox_bytes_ = 0;
  }
  for (SimEnd* end : ends) end->arrive({What::reset, {}});
}

void SimEnd::arrive(Item item) {
  switch (item.what) {
    case What::bytes:
      net_.log("bytes arrive", id_, item.bytes.size());
      if (closed_) {  // nobody is there any more
        if (!other_->closed_ && !other_->reset_arrived_) put(What::reset, {});
        return;
      }
      if (reset_arrived_) return;
      inbox_ += item.bytes;
      break;
    case What::fin:
      net_.log("fin arrives", id_, 0);
      if (closed_ || reset_arrived_) return;
      fin_arrived_ = true;
      break;
    case What::reset:
      net_.log("reset arrives", id_, unread().size());
      if (closed_ || reset_arrived_) return;
      reset_arrived_ = true;
      outbox_.clear();
      outbox_bytes_ = 0;
      break;
  }
  if (user_ != nullptr) user_->on_arrival(*this);
}

void SimEnd::consume(std::size_t bytes) {
  HEADRACE_ASSERT(bytes <= unread().size());
  inbox_read_ += bytes;
  if (inbox_read_ == inbox_.size()) {
    inbox_.clear();
    inbox_read_ = 0;
  } else if (inbox_read_ > 64 * 1024) {
    inbox_.erase(0, inbox_read_);
    inbox_read_ = 0;
  }
  if (other_ != nullptr) other_->make_room();
}

// The news that the reader took bytes travels back.
void SimEnd::make_room() {
  if (!wants_room_ || room_due_ || closed_) return;
  room_due_ = true;
  net_.after(net_.one_way_delay(), [this] {
    room_due_ = false;
    if (closed_ || user_ == nullptr || room() == 0) return;
    wants_room_ = false;
    user_->on_room(*this);
  });
}

}  // namespace headrace::sim
