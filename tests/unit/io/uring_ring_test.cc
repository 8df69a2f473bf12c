// The ring alone: positions, waiting, and what a small queue does.
#include "io/uring_ring.h"

#include <doctest/doctest.h>
#include <time.h>

#include "io/uring_compat.h"

namespace headrace::io {
namespace {

base::Nanos clock_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * base::kSecond + time.tv_nsec;
}

void prepare_nop(UringRing& ring, std::uint64_t data) {
  io_uring_sqe* sqe = ring.next_sqe();
  REQUIRE(sqe != nullptr);
  io_uring_prep_nop(sqe);
  sqe->user_data = data;
}

TEST_CASE("requests are taken in order, and a position tells whether one was") {
  UringRing ring;
  REQUIRE(ring.open({.sq_entries = 8, .cq_entries = 16}) == 0);
  REQUIRE(ring.enable() == 0);
  prepare_nop(ring, 1);
  const std::uint32_t first = ring.position();
  prepare_nop(ring, 2);
  const std::uint32_t second = ring.position();
  CHECK(ring.unsubmitted() == 2);
  CHECK_FALSE(ring.taken(first));
  ring.submit();
  CHECK(ring.unsubmitted() == 0);
  CHECK(ring.taken(first));
  CHECK(ring.taken(second));
  CHECK_FALSE(ring.taken(second + 1));
  const unsigned head = ring.completions_head();
  REQUIRE(ring.completions_tail() - head == 2);
  CHECK(ring.completion(head).user_data == 1);
  CHECK(ring.completion(head + 1).user_data == 2);
  ring.release_completions(head + 2);
  CHECK_FALSE(ring.completed());
  CHECK(ring.enters() == 1);
}

TEST_CASE("a full queue gives no entry until it is handed over") {
  UringRing ring;
  REQUIRE(ring.open({.sq_entries = 8, .cq_entries = 16}) == 0);
  REQUIRE(ring.enable() == 0);
  for (std::uint64_t i = 1; i <= 8; ++i) prepare_nop(ring, i);
  CHECK(ring.next_sqe() == nullptr);
  ring.submit();
  CHECK(ring.next_sqe() != nullptr);
}

TEST_CASE("completions beyond the queue overflow visibly, and none is lost") {
  UringRing ring;
  REQUIRE(ring.open({.sq_entries = 8, .cq_entries = 8}) == 0);
  REQUIRE(ring.enable() == 0);
  std::uint64_t next = 1;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) prepare_nop(ring, next++);
    ring.submit();
  }
  CHECK(ring.overflowed());
  CHECK(ring.work_waits());
  std::uint64_t expected = 1;
  for (int round = 0; round < 5 && expected < next; ++round) {
    const unsigned head = ring.completions_head();
    const unsigned tail = ring.completions_tail();
    for (unsigned at = head; at != tail; ++at) CHECK(ring.completion(at).user_data == expected++);
    ring.release_completions(tail);
    ring.enter(0);
  }
  CHECK(expected == 25);
  CHECK_FALSE(ring.overflowed());
}

TEST_CASE("a wait ends at its limit") {
  UringRing ring;
  REQUIRE(ring.open({.sq_entries = 8, .cq_entries = 16}) == 0);
  REQUIRE(ring.enable() == 0);
  const base::Nanos start = clock_now();
  ring.enter(3 * base::kMillisecond);
  CHECK(clock_now() - start >= 3 * base::kMillisecond);
  CHECK_FALSE(ring.completed());
}

TEST_CASE("the compatible mode hides what kernel 6.1 lacks") {
  UringRing ring;
  REQUIRE(ring.open({.sq_entries = 8, .cq_entries = 16, .compat_61 = true}) == 0);
  CHECK((ring.features() & ~uring::kFeaturesOf61) == 0);
  CHECK((ring.features() & IORING_FEAT_CQE_SKIP) != 0);
}

TEST_CASE("a ring that the kernel refuses says why") {
  UringRing ring;
  CHECK(ring.open({.sq_entries = 8, .cq_entries = 4}) ==
        EINVAL);  // fewer completions than requests
}

}  // namespace
}  // namespace headrace::io
