// Buffers that lie with the kernel: offered once, filled where we said, counted right, grown under
// pressure.
#include "io/buffer_ring.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "io/uring_ring.h"

namespace headrace::io {
namespace {

// A ring, a pool attached to it and a socket pair: single receives, by hand.
struct Bench {
  UringRing ring;
  BufferRing pool;
  int ends[2] = {-1, -1};

  explicit Bench(ReceivePoolOptions options) : pool(options) {
    REQUIRE(ring.open({.sq_entries = 8, .cq_entries = 64}) == 0);
    REQUIRE(pool.attach(ring.raw(), 7) == 0);
    REQUIRE(ring.enable() == 0);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  }
  ~Bench() {
    pool.detach();
    ::close(ends[0]);
    ::close(ends[1]);
  }

  // The result of one receive, and the buffer's id.
  int receive(std::uint16_t* id) {
    io_uring_sqe* sqe = ring.next_sqe();
    io_uring_prep_recv(sqe, ends[0], nullptr, 0, MSG_DONTWAIT);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 7;
    ring.enter(base::kNever);
    const io_uring_cqe completion = ring.completion(ring.completions_head());
    ring.release_completions(ring.completions_head() + 1);
    *id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    return completion.res;
  }
  Slice receive_slice(const std::string& text) {
    REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    std::uint16_t id = 0;
    const int size = receive(&id);
    REQUIRE(size > 0);
    return pool.taken(id, static_cast<std::size_t>(size));
  }
};

TEST_CASE("the kernel fills a buffer behind our margin, and no more than its room") {
  Bench bench({.buffer_bytes = 64, .initial = 4, .cap = 4});
  Slice slice = bench.receive_slice(std::string(100, 'x'));
  CHECK(slice.view() == std::string(64, 'x'));
  CHECK(slice.headroom() == ReceivePool::kHeadMargin);
  CHECK(slice.tailroom() == ReceivePool::kTailMargin);
  CHECK(bench.pool.out() == 1);
  slice.reset();
  CHECK(bench.pool.out() == 0);
}

TEST_CASE("a buffer that came home is the kernel's again only after publish") {
  Bench bench({.buffer_bytes = 64, .initial = 2, .cap = 2});
  Slice first = bench.receive_slice("one");
  Slice second = bench.receive_slice("two");
  CHECK(bench.pool.empty());
  std::uint16_t id = 0;
  CHECK(::write(bench.ends[1], "three", 5) == 5);
  CHECK(bench.receive(&id) == -ENOBUFS);
  first.reset();
  CHECK(bench.receive(&id) == -ENOBUFS);
  bench.pool.publish();
  REQUIRE(bench.receive(&id) == 5);
  CHECK(bench.pool.taken(id, 5).view() == "three");
}

TEST_CASE("buffers go round and round without two holders for one") {
  Bench bench({.buffer_bytes = 64, .initial = 8, .cap = 8});
  std::vector<Slice> held;
  for (int i = 0; i < 70'000; ++i) {  // the ring's 16-bit tail wraps
    held.push_back(bench.receive_slice(std::to_string(i)));
    REQUIRE(held.back().view() == std::to_string(i));
    if (held.size() < 5) continue;
    std::set<const char*> places;
    for (const Slice& slice : held) places.insert(slice.data());
    REQUIRE(places.size() == held.size());
    held.erase(held.begin() + i % 5);
    bench.pool.publish();
  }
}

TEST_CASE("growing offers the new buffers as well, up to the cap") {
  Bench bench({.buffer_bytes = 64, .initial = 2, .cap = 7});
  std::vector<Slice> held;
  for (int i = 0; i < 7; ++i) {
    bench.pool.relieve();
    bench.pool.publish();
    held.push_back(bench.receive_slice("x"));
  }
  CHECK(bench.pool.total() == 7);
  CHECK(bench.pool.empty());
  bench.pool.relieve();
  CHECK(bench.pool.total() == 7);
}

TEST_CASE("a buffer taken and not used goes straight home") {
  Bench bench({.buffer_bytes = 64, .initial = 2, .cap = 2});
  Slice slice = bench.receive_slice("x");
  const std::uint16_t other = slice.buffer()->id == 0 ? 1 : 0;
  bench.pool.taken_unused(other);
  CHECK(bench.pool.out() == 1);
}

TEST_CASE("a lease may outlive the ring") {
  Slice slice;
  Bench bench({.buffer_bytes = 64, .initial = 2, .cap = 2});
  slice = bench.receive_slice("late");
  bench.pool.detach();
  CHECK(slice.view() == "late");
  slice.reset();
  CHECK(bench.pool.out() == 0);
}

}  // namespace
}  // namespace headrace::io
