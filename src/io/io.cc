#include "io/io.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace headrace::io {
namespace {

// Behind a busy socket, or once several pieces wait, a small piece costs less copied than linked
// (runtime figures: memcpy + send beats sendmsg up to 16 KiB), and the queue of a busy socket need
// not grow.
bool worth_copying(const Socket& socket, const Slice& slice) {
  if (slice.size() > base::limits::kSmallPieceBytes) return false;
  return socket.sending() || socket.queue.count() >= SliceQueue::kInline;
}

}  // namespace

void Io::send(Socket& socket, Slice slice) {
  HEADRACE_ASSERT(!socket.shut_after_send);
  if (socket.state != Socket::State::open && socket.state != Socket::State::connecting) return;
  if (slice.empty()) return;
  ReceivePool& upstreams = receive_pool(Side::upstream);
  const bool give_back = socket.sending() && upstreams.scarce() && slice.buffer() != nullptr &&
                         slice.buffer()->home == &upstreams;
  const bool joins = socket.queue.count() > socket.in_flight_slices && !socket.queue.empty() &&
                     socket.queue.back().touches(slice);
  if (!joins && (give_back || worth_copying(socket, slice))) {
    counters_.coalesced_bytes += slice.size();
    send_copy(socket, slice.view());
    return;
  }
  socket.queue.push(std::move(slice), joins);
  mark_dirty(socket);
}

void Io::send_copy(Socket& socket, std::string_view bytes) {
  HEADRACE_ASSERT(!socket.shut_after_send);
  if (socket.state != Socket::State::open && socket.state != Socket::State::connecting) return;
  while (!bytes.empty()) {
    SliceQueue& queue = socket.queue;
    // Tailroom is nobody's, in a receive buffer as in a block of ours: framing goes right behind
    // its event.
    const bool may_append = queue.count() > socket.in_flight_slices &&
                            queue.back().buffer() != nullptr && queue.back().tailroom() != 0;
    if (!may_append) {
      const std::size_t wanted = std::max(bytes.size(), socket.sending() ? std::size_t{4000} : 0);
      Slice block = blocks_.take(std::min(wanted, base::limits::kCoalesceBytes));
      const std::size_t count = std::min(bytes.size(), block.tailroom());
      std::memcpy(block.data(), bytes.data(), count);
      block.grow_back(count);
      queue.push(std::move(block), false);
      bytes.remove_prefix(count);
      continue;
    }
    const std::size_t count = std::min(bytes.size(), queue.back().tailroom());
    std::memcpy(queue.back().data() + queue.back().size(), bytes.data(), count);
    queue.extend_back(count);
    bytes.remove_prefix(count);
  }
  mark_dirty(socket);
}

void Io::discard(int fd, std::string_view last_words) {
  if (!last_words.empty()) {
    [[maybe_unused]] const auto sent =
        ::send(fd, last_words.data(), last_words.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
    char dropped[4096];
    for (int i = 0; i < 16 && ::recv(fd, dropped, sizeof dropped, MSG_DONTWAIT) > 0; ++i) {
    }
  }
  ::close(fd);
}

void Io::shutdown_after_send(Socket& socket) {
  if (socket.state != Socket::State::open || socket.shut_after_send) return;
  socket.shut_after_send = true;
  mark_dirty(socket);
}

std::size_t Io::prepare_send(Socket& socket) {
  HEADRACE_ASSERT(!socket.sending());
  SliceQueue& queue = socket.queue;
  const std::size_t count = std::min(queue.count(), base::limits::kSendSegments);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    socket.segments[i] = {queue[i].data(), queue[i].size()};
    bytes += queue[i].size();
  }
  socket.in_flight_slices = count;
  socket.in_flight_bytes = bytes;
  return count;
}

void Io::finish_send(Socket& socket, std::size_t bytes) {
  HEADRACE_ASSERT(bytes <= socket.in_flight_bytes);
  socket.in_flight_slices = 0;
  socket.in_flight_bytes = 0;
  socket.queue.consume(bytes);
  ++counters_.sends;
  counters_.sent_bytes += bytes;
  if (socket.state != Socket::State::open || socket.failed) return;
  if (!socket.queue.empty() || socket.shut_after_send) mark_dirty(socket);
  if (bytes != 0) socket.owner.on_sent();
}

void Io::deliver_closed() {
  while (Socket* socket = closed_.pop_front()) {
    HEADRACE_ASSERT(socket->state == Socket::State::closed);
    socket->owner.on_closed();
  }
}

void Io::run_turn_ends() {
  while (TurnEndOwner* owner = turn_ends_.pop_front()) owner->on_turn_end();
}

}  // namespace headrace::io
