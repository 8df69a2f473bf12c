// Goal: frames are counted right however the bytes are cut, each kind against its own bound, and
// time and work forgive.
#include "http/h2_counts.h"

#include <doctest/doctest.h>

#include <string>

#include "h2_frames.h"

namespace headrace::test {
namespace {

using base::kSecond;
using http::H2Counts;
namespace limits = base::limits;

// How many of a frame pass.
std::int64_t passes(H2Counts& counts, const std::string& frame, base::Nanos now = 0) {
  std::int64_t passed = 0;
  while (passed < 100'000 && counts.receive(frame, now)) ++passed;
  return passed;
}

std::int64_t passes(const std::string& frame) {
  H2Counts counts(0);
  return passes(counts, frame);
}

}  // namespace

TEST_CASE("frames are found wherever the bytes are cut") {
  const std::string all = std::string(h2::kPreface) + h2::settings({{1, 2}}) +
                          h2::data(1, "payload", true) + h2::reset(1, 8) + h2::data(3, "", true);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    H2Counts counts(h2::kPreface.size());
    CHECK(counts.receive(base::Bytes(all).substr(0, cut), 0));
    CHECK(counts.receive(base::Bytes(all).substr(cut), 0));
    CHECK(counts.frames() == 4);
    CHECK(counts.resets() == 1);
  }
}

TEST_CASE("frames that move nothing on have a bound, whatever their kind") {
  for (const std::string& frame : {h2::ping(),
                                   h2::ping(true),
                                   h2::settings(),
                                   h2::settings_ack(),
                                   h2::window(0, 1),
                                   h2::window(1, 1),
                                   h2::frame(h2::kPriority, 0, 1, "12345"),
                                   h2::goaway(0, 0),
                                   h2::data(1, "", false),
                                   h2::frame(0xbe, 0, 0, "unknown"),
                                   h2::frame(h2::kPushPromise, 0, 1, "1234")}) {
    CHECK(passes(frame) == limits::kH2IdleFrames);
  }
}

TEST_CASE("resets, provoked resets and continuations have bounds of their own") {
  CHECK(passes(h2::reset(1, 8)) == limits::kH2Resets);
  CHECK(limits::kH2Resets <= 1100);
  CHECK(passes(h2::frame(h2::kContinuation, 0, 1, "x")) == limits::kH2Continuations);
  CHECK(passes(h2::frame(h2::kContinuation, 0, 1, "")) == limits::kH2Continuations);
  CHECK(limits::kH2Continuations < 9);
  H2Counts counts(0);
  std::int64_t provoked = 0;
  while (counts.note_provoked(0)) ++provoked;
  CHECK(provoked == limits::kH2Provoked);
  CHECK(limits::kH2Provoked < 200);
}

TEST_CASE("time forgives a little") {
  H2Counts counts(0);
  const base::Nanos start = 1000 * kSecond;
  CHECK(passes(counts, h2::reset(1, 8), start) == limits::kH2Resets);
  CHECK(passes(counts, h2::reset(1, 8), start + 10 * kSecond) <= 10 * limits::kH2ResetsPerSecond);
  CHECK(passes(counts, h2::reset(1, 8), start + 3600 * kSecond) >= limits::kH2Resets);
}

TEST_CASE("work pays for the frames that belong to it") {
  H2Counts counts(0);
  for (int i = 0; i < 20'000; ++i) {  // an upload with a window update to every piece
    REQUIRE(counts.receive(h2::data(1, "payload", false), 0));
    REQUIRE(counts.receive(h2::window(1, 7) + h2::window(0, 7), 0));
  }
  for (int i = 0; i < 20'000; ++i) {  // a download of ours
    counts.note_sent();
    REQUIRE(counts.receive(h2::window(1, 7) + h2::window(0, 7), 0));
  }
  CHECK(passes(counts, h2::ping()) > 0);
}

TEST_CASE("a head is unfinished from its first byte until its last frame is whole") {
  const std::string first = h2::frame(h2::kHeaders, h2::kNone, 1, "abc");
  const std::string last = h2::frame(h2::kContinuation, h2::kEndHeaders, 1, "de");
  const std::string other = h2::data(1, "x", true);
  const std::string all = first + last + other;
  http::H2Counts counts(0);
  CHECK_FALSE(counts.inside_head());
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    REQUIRE(counts.receive(all.substr(i, 1), 0));
    const bool whole = i + 1 == first.size() + last.size();
    const bool data = i + 1 >= first.size() + last.size() + 9;
    CHECK(counts.inside_head() == !(whole || data));
  }
}

}  // namespace headrace::test
