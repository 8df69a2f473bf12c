#include "sim_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "io/socket_error.h"

namespace headrace::sim {

using io::Listener;
using io::Side;
using io::Socket;

namespace {

constexpr base::Nanos kAcceptPause = 20 * base::kMillisecond;
constexpr int kReceivesPerTurn = 8;
// 2026-01-01: records need a wall clock, and it must be the same in every run.
constexpr std::uint64_t kWallStart = 1'767'225'600ull * 1'000'000'000ull;

}  // namespace

SimIo::SimIo(SimNet& net, io::ReceivePool& clients, io::ReceivePool& upstreams)
    : Io(clients, upstreams), net_(net) {
  now_ = net.now();
}

SimIo::~SimIo() {
  HEADRACE_ASSERT(lines_.empty());
  for (auto& door : doors_) {
    if (door->listener != nullptr) net_.unlisten(*door);
  }
}

std::uint64_t SimIo::read_wall_clock() const {
  return kWallStart + static_cast<std::uint64_t>(net_.now());
}

bool SimIo::quiet() const {
  return lines_.empty() && pending_.empty() && dirty_.empty() && turn_ends_.empty() &&
         closed_.empty() && starved_.empty() && stopping_.empty();
}

// -- one turn

void SimIo::run_once(base::Nanos wait_max) {
  hand_over();
  feed_starved();
  wait(wait_max);
  ++counters_.turns;
  ++counters_.enters;
  net_.set_turn(counters_.turns);
  now_ = net_.now();
  feed_starved();
  deliver();
  timers_.advance(now_);
  finish_listeners();
  deliver_closed();
  hand_over();
}

bool SimIo::must_go_on() const {
  if (!dirty_.empty() || !turn_ends_.empty()) return true;
  if (!closed_.empty() || !stopping_.empty()) return true;
  return std::any_of(pending_.begin(), pending_.end(), [](const Completion& completion) {
    return completion.lazy_until == 0;
  });
}

bool SimIo::wants_turn() {
  if (must_go_on() || ready_at() <= net_.now()) return true;
  for (Socket* socket = starved_.front(); socket != nullptr; socket = starved_.after(*socket)) {
    if (receive_pool(socket->side).free_count() != 0) return true;
  }
  return false;
}

base::Nanos SimIo::ready_at() const {
  base::Nanos time = timers_.next_expiry();
  for (const Completion& completion : pending_) {
    if (completion.lazy_until != 0) time = std::min(time, completion.lazy_until);
  }
  return time;
}

void SimIo::wait(base::Nanos wait_max) {
  const base::Nanos now = net_.now();
  base::Nanos limit =
      wait_max > base::kNever - now ? base::kNever : now + std::max<base::Nanos>(wait_max, 0);
  limit = std::min(limit, std::max(now, ready_at()));
  while (!must_go_on()) {
    if (net_.run_next(limit)) continue;
    HEADRACE_ASSERT(limit !=
                    base::kNever);  // the simulation is stuck: nothing will ever happen again
    net_.advance_to(limit);
    break;
  }
  // Waking up and turning take time; so a worker that never rests does not stop the clock.
  net_.advance_to(net_.now() + static_cast<base::Nanos>(net_.prng().between(500, 4000)));
}

void SimIo::deliver() {
  batch_.clear();
  std::erase_if(pending_, [&](const Completion& completion) {
    if (completion.turn > counters_.turns) return false;
    batch_.push_back(completion);
    return true;
  });
  if (batch_.size() > 1 && net_.prng().chance(net_.faults().reorder)) {
    for (std::size_t i = batch_.size() - 1; i > 0; --i) {
      std::swap(batch_[i], batch_[net_.prng().below(i + 1)]);
    }
  }
  for (const Completion& completion : batch_) dispatch(completion);
}

void SimIo::dispatch(const Completion& completion) {
  if (completion.kind == Kind::wake) {
    if (wake_owner_ != nullptr) wake_owner_->on_wake();
    return;
  }
  if (completion.kind == Kind::accept) return accept_all(*completion.door);
  Line& line = *completion.line;
  Socket& socket = *line.socket;
  HEADRACE_ASSERT(socket.ops_in_kernel > 0);
  --socket.ops_in_kernel;
  if (completion.kind == Kind::readable) line.receive_posted = false;
  if (completion.kind == Kind::sent || completion.kind == Kind::send_failed)
    line.send_posted = false;
  if (socket.state == Socket::State::closing) {
    if (socket.ops_in_kernel == 0) finish_close(line);
    return;
  }
  switch (completion.kind) {
    case Kind::connected:
      return on_connect_done(line, static_cast<int>(completion.value));
    case Kind::readable:
      return on_receive_done(line);
    case Kind::sent:
      return on_send_done(line, completion.value);
    case Kind::send_failed:
      return on_send_failed(line);
    case Kind::broken:
      return fail(line, ECONNRESET);
    default:
      HEADRACE_ASSERT(false);
  }
}

void SimIo::hand_over() {
  run_turn_ends();
  DirtyList turn;
  turn.take_all(dirty_);
  while (Socket* socket = turn.pop_front()) start_send(*socket);
}

void SimIo::feed_starved() {
  StarvedList turn;
  turn.take_all(starved_);
  while (Socket* socket = turn.pop_front()) {
    if (receive_pool(socket->side).free_count() == 0) {
      starved_.push_back(*socket);
    } else {
      want_receive(line_of(*socket));
    }
  }
}

// -- completions

std::uint64_t SimIo::completion_turn() {
  const bool late = net_.prng().chance(net_.faults().late_completion);
  return counters_.turns + 1 + (late ? net_.prng().between(1, net_.faults().late_turns) : 0);
}

void SimIo::post(Kind kind, Line* line, std::size_t value) {
  Completion completion{kind, line, nullptr, completion_turn(), 0, value};
  if (line != nullptr) {
    Socket& socket = *line->socket;
    ++socket.ops_in_kernel;
    const bool nobody_waits = kind == Kind::sent && value == socket.in_flight_bytes &&
                              value == socket.queue.bytes() && !socket.prompt_sent &&
                              !socket.paused() && starved_.empty();
    if (nobody_waits && net_.prng().chance(net_.faults().lazy_sent)) {
      constexpr auto kMost = static_cast<std::uint64_t>(Socket::kSentReportMax);
      completion.turn = counters_.turns + 1;
      completion.lazy_until = net_.now() + static_cast<base::Nanos>(net_.prng().between(1, kMost));
    }
  }
  pending_.push_back(completion);
}

void SimIo::post_accept(Door& door) {
  if (door.posted || door.listener == nullptr) return;
  door.posted = true;
  pending_.push_back({Kind::accept, nullptr, &door, completion_turn(), 0, 0});
}

void SimIo::wake() {
  post(Kind::wake, nullptr);
}

// -- the life of a socket

SimIo::Line& SimIo::begin(Socket& socket, SimEnd& end, Side side) {
  HEADRACE_ASSERT(socket.state == Socket::State::closed && !socket.closed_link.linked());
  HEADRACE_ASSERT(socket.queue.empty());
  socket.side = side;
  socket.peer = &end;
  socket.pause_reasons = 0;
  socket.receiving = socket.failed = socket.shut_after_send = socket.shut_done = false;
  socket.ops_in_kernel = 0;
  Line& line = lines_[end.id()];
  line.socket = &socket;
  line.end = &end;
  line.one_byte = net_.prng().chance(net_.faults().one_byte_socket);
  return line;
}

SimIo::Line& SimIo::line_of(Socket& socket) {
  const auto found = lines_.find(static_cast<SimEnd*>(socket.peer)->id());
  HEADRACE_ASSERT(found != lines_.end());
  return found->second;
}

void SimIo::adopt(Socket& socket, int fd, Side side) {
  SimEnd& end = net_.end_of_fd(fd);
  begin(socket, end, side);
  socket.fd = fd;
  socket.state = Socket::State::open;
  end.set_user(this);
}

void SimIo::discard(int fd, std::string_view) {
  net_.end_of_fd(fd).close();
}

base::Status SimIo::connect(Socket& socket, const sockaddr_storage& address, socklen_t, Side side) {
  if (net_.prng().chance(net_.faults().connect_no_files)) return io::descriptor_error(EMFILE);
  if (address.ss_family != AF_INET) return io::descriptor_error(EAFNOSUPPORT);  // such a host
  SimEnd& end = net_.dial(address, *this, true);
  Line& line = begin(socket, end, side);
  line.connecting = true;
  socket.fd = net_.open_fd(end);
  socket.state = Socket::State::connecting;
  ++socket.ops_in_kernel;
  return {};
}

void SimIo::on_outcome(SimEnd& end, int os_errno) {
  Line& line = lines_.at(end.id());
  HEADRACE_ASSERT(line.connecting);
  line.connecting = false;
  --line.socket->ops_in_kernel;
  post(Kind::connected, &line, static_cast<std::size_t>(os_errno));
}

void SimIo::on_connect_done(Line& line, int os_errno) {
  Socket& socket = *line.socket;
  if (os_errno != 0) {
    socket.failed = true;
    socket.owner.on_connected(io::connect_error(os_errno));
    return;
  }
  socket.state = Socket::State::open;
  if (!socket.queue.empty() || socket.shut_after_send) mark_dirty(socket);
  socket.owner.on_connected({});
}

void SimIo::recv_start(Socket& socket) {
  if (socket.state != Socket::State::open || socket.failed) return;
  socket.receiving = true;
  want_receive(line_of(socket));
}

void SimIo::pause(Socket& socket, io::PauseReason reason) {
  const bool was_paused = socket.paused();
  socket.pause_reasons = static_cast<std::uint8_t>(socket.pause_reasons | reason);
  if (was_paused || socket.state != Socket::State::open) return;
  const bool more = net_.prng().chance(net_.faults().overshoot);
  line_of(socket).overshoot = more ? net_.prng().below(Socket::kOvershootBytes) : 0;
}

void SimIo::resume(Socket& socket, io::PauseReason reason) {
  const bool was_paused = socket.paused();
  socket.pause_reasons = static_cast<std::uint8_t>(socket.pause_reasons & ~reason);
  if (was_paused && !socket.paused() && socket.state == Socket::State::open)
    want_receive(line_of(socket));
}

void SimIo::close(Socket& socket, io::CloseHow how) {
  if (socket.state != Socket::State::open && socket.state != Socket::State::connecting) return;
  Line& line = line_of(socket);
  socket.state = Socket::State::closing;
  socket.close_how = how;
  socket.receiving = false;
  socket.dirty_link.unlink();
  socket.starved_link.unlink();
  if (line.connecting || line.waits_for_room)
    --socket.ops_in_kernel;  // cancelled: `dead` stands for both
  line.connecting = line.waits_for_room = false;
  if (how == io::CloseHow::abort) {
    line.end->reset();
  } else {
    line.end->close(true);
  }
  post(Kind::dead, &line);
}

// The last operation came back: only now are the bytes that it might have read let go.
void SimIo::finish_close(Line& line) {
  Socket& socket = *line.socket;
  net_.log("closed", line.end->id(), socket.queue.bytes());
  socket.in_flight_slices = socket.in_flight_bytes = 0;
  socket.queue.clear();
  socket.state = Socket::State::closed;
  socket.peer = nullptr;
  socket.fd = -1;
  lines_.erase(line.end->id());
  closed_.push_back(socket);
}

void SimIo::fail(Line& line, int os_errno) {
  Socket& socket = *line.socket;
  if (socket.failed) return;
  socket.failed = true;
  socket.receiving = false;
  socket.owner.on_error(io::socket_error(socket.side, os_errno));
}

// -- receiving

void SimIo::on_arrival(SimEnd& end) {
  const auto found = lines_.find(end.id());
  if (found == lines_.end()) return;
  Line& line = found->second;
  Socket& socket = *line.socket;
  if (socket.state != Socket::State::open) return;
  if (end.was_reset() && line.waits_for_room) {
    line.waits_for_room = false;
    --socket.ops_in_kernel;
    line.send_posted = true;
    post(Kind::send_failed, &line);
  }
  // A reset that finds no receive armed may be noticed, or only when bytes are sent. Both happen.
  const bool unarmed = !socket.receiving || (socket.paused() && socket.side == Side::client);
  if (end.was_reset() && unarmed && net_.prng().chance(0.5)) post(Kind::broken, &line);
  want_receive(line);
}

void SimIo::want_receive(Line& line) {
  Socket& socket = *line.socket;
  if (socket.state != Socket::State::open || !socket.receiving || socket.failed) return;
  if (line.receive_posted || socket.starved_link.linked()) return;
  const SimEnd& end = *line.end;
  // What overshoots a pause is bytes, never the end behind them.
  if (socket.paused() && (line.overshoot == 0 || end.unread().empty())) return;
  if (end.unread().empty() && !end.at_end() && !end.was_reset()) return;
  line.receive_posted = true;
  post(Kind::readable, &line);
}

void SimIo::on_receive_done(Line& line) {
  for (int i = 0; i < kReceivesPerTurn; ++i) {
    if (!receive_one(line)) break;
  }
  want_receive(line);
}

// True when bytes were delivered and another receive may follow in this turn.
bool SimIo::receive_one(Line& line) {
  Socket& socket = *line.socket;
  if (socket.state != Socket::State::open || !socket.receiving || socket.failed) return false;
  if (socket.paused() && line.overshoot == 0) return false;
  SimEnd& end = *line.end;
  if (end.unread().empty()) {
    if (!socket.paused()) on_end_of_receive(line);
    return false;
  }
  io::ReceivePool& pool = receive_pool(socket.side);
  io::Buffer* buffer = pool.take();
  if (buffer != nullptr && net_.prng().chance(net_.faults().no_buffer)) {
    pool.put_back(*buffer);
    buffer = nullptr;
  }
  if (buffer == nullptr) {
    starve(socket);
    return false;
  }
  const std::size_t size = receive_size(line, pool.buffer_bytes());
  std::memcpy(pool.landing(*buffer), end.unread().data(), size);
  end.consume(size);
  if (socket.paused()) line.overshoot -= size;
  line.read += size;
  end.other().worker_read.push_back({line.read, counters_.turns});
  net_.log("worker reads", end.id(), size);
  ++counters_.receives;
  counters_.received_bytes += size;
  socket.owner.on_data(pool.received(*buffer, size));
  return !line.one_byte;
}

std::size_t SimIo::receive_size(const Line& line, std::size_t room) {
  std::size_t size = std::min(line.end->unread().size(), room);
  if (line.socket->paused()) size = std::min(size, line.overshoot);
  if (line.one_byte) return 1;
  if (net_.prng().chance(net_.faults().short_receive)) {
    size = 1 + static_cast<std::size_t>(net_.prng().below(size));
  }
  return size;
}

// A FIN that came before the RST is what a receive tells first, as on a real host.
void SimIo::on_end_of_receive(Line& line) {
  Socket& socket = *line.socket;
  if (!line.end->at_end()) {
    if (line.end->was_reset()) fail(line, ECONNRESET);
    return;
  }
  net_.log("worker sees eof", line.end->id(), 0);
  socket.receiving = false;
  if (line.end->was_reset() && net_.prng().chance(0.5)) post(Kind::broken, &line);
  socket.owner.on_eof();
}

void SimIo::starve(Socket& socket) {
  ++counters_.starved;
  starved_.push_back(socket);
}

// -- sending

void SimIo::start_send(Socket& socket) {
  if (socket.state != Socket::State::open || socket.failed) return;
  Line& line = line_of(socket);
  const bool known_end = line.end->other().closed();
  if (socket.sending()) {
    if (!known_end) line.end->other().worker_busy.push_back(counters_.turns);
    return;
  }
  if (socket.queue.empty()) {
    if (socket.shut_after_send && !socket.shut_done) line.end->shutdown_write();
    socket.shut_done = socket.shut_after_send;
    return;
  }
  prepare_send(socket);
  SimEnd& other = line.end->other();
  other.worker_offered.push_back({line.taken + socket.in_flight_bytes, counters_.turns});
  if (socket.queue.bytes() > socket.in_flight_bytes) other.worker_busy.push_back(counters_.turns);
  try_send(line);
}

void SimIo::try_send(Line& line) {
  Socket& socket = *line.socket;
  SimEnd& end = *line.end;
  if (end.was_reset()) {
    line.send_posted = true;
    return post(Kind::send_failed, &line);
  }
  std::size_t take = std::min(socket.in_flight_bytes, end.room());
  if (take == 0) {
    line.waits_for_room = true;
    ++socket.ops_in_kernel;
    return end.want_room();
  }
  if (net_.prng().chance(net_.faults().short_send)) {
    take = 1 + static_cast<std::size_t>(net_.prng().below(take));
  }
  std::string bytes;
  for (std::size_t i = 0; i < socket.in_flight_slices && bytes.size() < take; ++i) {
    const iovec& segment = socket.segments[i];
    bytes.append(static_cast<const char*>(segment.iov_base),
                 std::min(segment.iov_len, take - bytes.size()));
  }
  const std::size_t written = end.write(bytes);
  HEADRACE_ASSERT(written == take);
  line.taken += take;
  net_.log("worker sends", end.id(), take);
  if (take < socket.in_flight_bytes) ++counters_.short_sends;
  line.send_posted = true;
  post(Kind::sent, &line, take);
}

void SimIo::on_room(SimEnd& end) {
  const auto found = lines_.find(end.id());
  if (found == lines_.end() || !found->second.waits_for_room) return;
  Line& line = found->second;
  line.waits_for_room = false;
  --line.socket->ops_in_kernel;
  try_send(line);
}

void SimIo::on_send_done(Line& line, std::size_t bytes) {
  if (!line.socket->failed) finish_send(*line.socket, bytes);
}

// What had arrived before the reset is delivered before the error.
void SimIo::on_send_failed(Line& line) {
  Socket& socket = *line.socket;
  if (socket.receiving && !socket.paused() && !line.end->unread().empty()) {
    want_receive(line);
    return;
  }
  fail(line, EPIPE);
}

// -- listeners

bool SimIo::Door::on_dialled(SimEnd& end) {
  if (listener == nullptr) return false;
  backlog.push_back(&end);
  io.post_accept(*this);
  return true;
}

void SimIo::listen_start(Listener& listener, int fd) {
  HEADRACE_ASSERT(listener.fd < 0);
  listener.fd = fd;
  listener.accepting = true;
  listener.closing = false;
  doors_.push_back(std::make_unique<Door>(*this, listener));
  net_.listen(net_.address_of_listener(fd), *doors_.back());
}

void SimIo::accept_all(Door& door) {
  door.posted = false;
  while (door.listener != nullptr && !door.backlog.empty()) {
    if (net_.prng().chance(net_.faults().accept_no_files)) {
      net_.after(kAcceptPause, [this, &door] { post_accept(door); });
      door.listener->owner.on_accept_error(io::descriptor_error(EMFILE));
      return;
    }
    SimEnd& end = *door.backlog.front();
    door.backlog.pop_front();
    ++counters_.accepts;
    door.listener->owner.on_accept(net_.open_fd(end));
  }
}

// As on a real host, connections that wait in the queue of a listener are reset with it.
void SimIo::listen_stop(Listener& listener) {
  if (listener.fd < 0 || listener.closing) return;
  listener.accepting = false;
  listener.closing = true;
  for (auto& door : doors_) {
    if (door->listener != &listener) continue;
    door->listener = nullptr;
    net_.unlisten(*door);
    for (SimEnd* end : door->backlog) end->reset();
    door->backlog.clear();
    std::erase_if(pending_, [&](const Completion& one) { return one.door == door.get(); });
  }
  stopping_.push_back(listener);
}

void SimIo::finish_listeners() {
  ListenerList turn;
  turn.take_all(stopping_);
  while (Listener* listener = turn.pop_front()) {
    listener->fd = -1;
    listener->closing = false;
    listener->owner.on_listener_closed();
  }
}

}  // namespace headrace::sim
