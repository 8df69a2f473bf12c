// What it costs to be woken by a socket, whatever the program on top: one thread blocks for a byte
// in recv(2), in epoll_wait(2) + recv(2), or in io_uring_enter(2) with a multishot receive, and
// sends a byte back; another, on another CPU, spins and takes the time. This is the floor under the
// blocked rows of `./dev bench wire`, and the distance between its lines is the kernel's, not ours.
//
//   wake_bench [rounds]     prints one line a way of waiting: p50 of the round trip, the median of
//   seven turns
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

namespace {

using Nanos = long long;

constexpr int kTurns = 7;
constexpr int kWarmup = 200;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

Nanos now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

// A connected pair over loopback TCP: what a socketpair would skip is part of the price.
std::array<int, 2> tcp_pair() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 1) != 0) die("listen");
  ::getsockname(listener, generic, &size);
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(client, generic, size) != 0) die("connect");
  const int server = ::accept(listener, nullptr, nullptr);
  ::close(listener);
  const int on = 1;
  for (const int fd : {client, server}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {client, server};
}

void echo(int fd) {
  if (::send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) die("send");
}

void wait_in_recv(int fd) {
  char byte;
  while (::recv(fd, &byte, 1, 0) == 1) echo(fd);
}

void wait_in_epoll(int fd) {
  const int set = ::epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  char bytes[16];
  for (;;) {
    if (::epoll_wait(set, &event, 1, -1) != 1) continue;
    if (::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) break;
    echo(fd);
  }
  ::close(set);
}

constexpr unsigned kNoIowait =
    1u << 7;  // IORING_ENTER_NO_IOWAIT, kernel 6.15; liburing 2.3 lacks it

// Hands over what is prepared and waits for one completion. The library's own call cannot pass
// `flags`.
void enter(io_uring& ring, unsigned flags) {
  const unsigned prepared = ring.sq.sqe_tail - *ring.sq.khead;
  ring.sq.sqe_head = ring.sq.sqe_tail;
  __atomic_store_n(ring.sq.ktail, ring.sq.sqe_tail, __ATOMIC_RELEASE);
  io_uring_enter(
      static_cast<unsigned>(ring.ring_fd), prepared, 1, IORING_ENTER_GETEVENTS | flags, nullptr);
}

void wait_in_uring(int fd, unsigned flags) {
  io_uring ring;
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  if (io_uring_queue_init_params(8, &ring, &parameters) != 0) die("io_uring");
  constexpr unsigned kBuffers = 8;
  constexpr unsigned kBytes = 64;
  auto* shared = static_cast<io_uring_buf_ring*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(shared);
  registration.ring_entries = kBuffers;
  if (io_uring_register_buf_ring(&ring, &registration, 0) != 0) die("buffer ring");
  std::vector<char> memory(std::size_t{kBuffers} * kBytes);
  const auto give = [&](unsigned short id) {
    io_uring_buf_ring_add(
        shared, memory.data() + std::size_t{id} * kBytes, kBytes, id, kBuffers - 1, 0);
    io_uring_buf_ring_advance(shared, 1);
  };
  for (unsigned short id = 0; id < kBuffers; ++id) give(id);
  io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  for (;;) {
    enter(ring, flags);
    io_uring_cqe* cqe = nullptr;
    if (io_uring_peek_cqe(&ring, &cqe) != 0) continue;
    const int result = cqe->res;
    const auto id = static_cast<unsigned short>(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    io_uring_cqe_seen(&ring, cqe);
    if (result <= 0) break;
    give(id);
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_send(sqe, fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  }
  io_uring_queue_exit(&ring);
  ::munmap(shared, 4096);
}

void wait_in_plain_uring(int fd) {
  wait_in_uring(fd, 0);
}

void wait_in_uring_without_iowait(int fd) {
  wait_in_uring(fd, kNoIowait);
}

// Spins on this CPU; the other side sleeps on its own between two bytes.
Nanos round_trip_p50(int fd, int rounds) {
  std::vector<Nanos> times;
  times.reserve(static_cast<std::size_t>(rounds));
  for (int i = 0; i < rounds + kWarmup; ++i) {
    for (const Nanos rest = now() + 30'000; now() < rest;) {
    }
    const Nanos start = now();
    echo(fd);
    char byte;
    while (::recv(fd, &byte, 1, MSG_DONTWAIT) != 1) {
    }
    if (i >= kWarmup) times.push_back(now() - start);
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds / 2)];
}

Nanos one_turn(void (*wait)(int), int rounds) {
  const std::array<int, 2> pair = tcp_pair();
  std::thread sleeper([wait, fd = pair[1]] {
    pin(0);
    wait(fd);
  });
  const Nanos p50 = round_trip_p50(pair[0], rounds);
  ::shutdown(pair[0], SHUT_RDWR);
  sleeper.join();
  ::close(pair[0]);
  ::close(pair[1]);
  return p50;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(100, std::min(std::atoi(argv[1]), 100'000)) : 3000;
  pin(1);
  struct Way {
    const char* name;
    void (*wait)(int);
    std::vector<Nanos> times;
  };
  std::array<Way, 4> ways = {{{"recv", wait_in_recv, {}},
                              {"epoll_wait + recv", wait_in_epoll, {}},
                              {"io_uring_enter", wait_in_plain_uring, {}},
                              {"... NO_IOWAIT", wait_in_uring_without_iowait, {}}}};
  for (int turn = 0; turn < kTurns; ++turn) {
    for (Way& way : ways) way.times.push_back(one_turn(way.wait, rounds));
  }
  for (Way& way : ways) {
    std::sort(way.times.begin(), way.times.end());
    std::printf("%-18s p50 %6.2f us  (%.2f .. %.2f)\n",
                way.name,
                static_cast<double>(way.times[kTurns / 2]) / 1000,
                static_cast<double>(way.times.front()) / 1000,
                static_cast<double>(way.times.back()) / 1000);
  }
}
