// Goal: events end where the standard says, however the stream is cut, and say what a client would
// hear. Method: our vectors at every split, and random streams of troublesome bytes against a slow
// reference.
#include "http/sse.h"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "split.h"
#include "sse_outcome.h"
#include "sse_vectors.h"

namespace headrace {
namespace {

using base::Bytes;
using http::SseSplitter;
using test::Cuts;

std::string shown(const std::string& type, const std::string& data) {
  return "<" + type + "|" + data + ">";
}

// The events with data, as a client would be given them.
std::string heard(Bytes stream) {
  return test::same_at_every_split(stream, [stream](const Cuts& cuts) {
    std::string out;
    bool open = false;
    for (const test::SlowEvent& event : test::split_sse(stream, cuts, open)) {
      if (event.has_data) out += shown(event.type, event.data);
    }
    return out;
  });
}

// The events as pieces of the stream; an unfinished one is shown after a bar.
std::string pieces(Bytes stream) {
  return test::same_at_every_split(stream, [stream](const Cuts& cuts) {
    std::string out;
    std::size_t begin = 0;
    bool open = false;
    for (const test::SlowEvent& event : test::split_sse(stream, cuts, open)) {
      out.append("(").append(stream.substr(begin, event.end - begin)).append(")");
      begin = event.end;
    }
    return out.append(open ? "|" : "").append(stream.substr(begin));
  });
}

TEST_CASE("our vectors are heard as they are meant") {
  for (const test::SseVector& vector : test::sse_vectors()) {
    CAPTURE(vector.name);
    std::string expected;
    for (const auto& [type, data] : vector.events)
      expected += shown(std::string(type), std::string(data));
    CHECK_EQ(heard(vector.stream), expected);
  }
}

TEST_CASE("events are the stream's bytes, each up to and with its blank line") {
  CHECK_EQ(pieces("data: a\n\ndata: b\n\n"), "(data: a\n\n)(data: b\n\n)");
  CHECK_EQ(pieces("\n\n: c\n\nx"), "(\n)(\n)(: c\n\n)|x");
  CHECK_EQ(pieces("data: a\n"), "|data: a\n");
  CHECK_EQ(pieces("a\n\r\n\nb\r\n\n"), "(a\n\r)(\n\n)(b\r\n\n)");
}

TEST_CASE("a blank line that ends in CR does not wait for an LF, which then opens the next event") {
  CHECK_EQ(pieces("data: a\r\n\r\ndata: b\r\r\n"), "(data: a\r\n\r)(\ndata: b\r\r)\n");
  CHECK_EQ(pieces("a\r\rb\r\r"), "(a\r\r)(b\r\r)");
  CHECK_EQ(pieces("\r\r\n\n"), "(\r)(\r)(\n\n)");
  SseSplitter splitter;
  CHECK_EQ(splitter.next_end("a\r\r"), 3);
  CHECK(splitter.between_events());
  CHECK_EQ(splitter.next_end("\n"), SseSplitter::kNone);
  CHECK(splitter.between_events());
  CHECK_EQ(splitter.next_end("\n"), 1);
}

TEST_CASE("a reset splitter has seen nothing") {
  SseSplitter splitter;
  CHECK_EQ(splitter.next_end("a\r"), SseSplitter::kNone);
  CHECK_FALSE(splitter.between_events());
  splitter.reset();
  CHECK(splitter.between_events());
  CHECK_EQ(splitter.next_end("\n"), 1);
  CHECK_EQ(splitter.next_end(""), SseSplitter::kNone);
}

TEST_CASE("a line end is found at every distance from the start of a piece") {
  for (std::size_t size = 1; size < 200; ++size) {
    for (const char* const end : {"\n\n", "\r\r", "\r\n\n", "\n\r"}) {
      CAPTURE(size);
      const std::string event = std::string(size, 'x') + end;
      SseSplitter splitter;
      CHECK_EQ(splitter.next_end(event + "data: behind it, long enough for a vector\n\n"),
               event.size());
    }
  }
}

TEST_CASE("long lines and many events come through whole") {
  const std::string line(200'000, 'x');
  CHECK_EQ(heard("data: " + line + "\n\n"), shown("", line));
  std::string stream;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    stream.append("data: {\"i\":").append(std::to_string(i)).append("}\n\n");
    expected += shown("", "{\"i\":" + std::to_string(i) + "}");
  }
  CHECK_EQ(heard(stream), expected);
}

TEST_CASE("one data line is a view into the event, several are joined in scratch") {
  char scratch[32];
  const Bytes one = "data: a\n\n";
  CHECK_EQ(http::parse_sse_event(one, nullptr).data.data(), one.data() + 6);
  const Bytes two = "data: a\ndata: b\n\n";
  const http::SseEvent joined = http::parse_sse_event(two, scratch);
  CHECK_EQ(joined.data, "a\nb");
  CHECK_EQ(joined.data.data(), scratch);
}

TEST_CASE("an event without data says so, which is not the same as empty data") {
  CHECK_FALSE(http::parse_sse_event(": ping\n\n", nullptr).has_data);
  CHECK_FALSE(http::parse_sse_event("event: x\nid: 1\n\n", nullptr).has_data);
  const http::SseEvent empty = http::parse_sse_event("data\n\n", nullptr);
  CHECK(empty.has_data);
  CHECK(empty.data.empty());
}

TEST_CASE("a byte order mark is ignored where the stream begins, and only there") {
  const Bytes event =
      "\xef\xbb\xbf"
      "data: a\n\n";
  CHECK_EQ(http::parse_sse_event(event, nullptr).data, "a");
  CHECK_FALSE(http::parse_sse_event(event, nullptr, false).has_data);
}

TEST_CASE("random streams are split and read as the slow reference does") {
  constexpr Bytes kWords[] = {"\n",
                              "\r",
                              "\n",
                              "\r\n",
                              "data",
                              "event",
                              ":",
                              ": ",
                              "x",
                              "\xef\xbb\xbf",
                              "id",
                              "retry: 1",
                              " ",
                              "\0x",
                              "data: 0123456789abcdefghijklmnopqrstuvwxyz"};
  std::mt19937 random(20240607);
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  for (int round = 0; round < 20'000; ++round) {
    std::string stream;
    for (std::size_t words = below(24); words > 0; --words)
      stream += kWords[below(std::size(kWords))];
    Cuts cuts;
    for (std::size_t at = below(9); at < stream.size(); at += below(9)) cuts.push_back(at);
    cuts.push_back(stream.size());
    bool open = false;
    const auto events = test::split_sse(stream, cuts, open);
    if (events != test::slow_sse(stream)) FAIL("round " << round << ": " << stream);
  }
}

}  // namespace
}  // namespace headrace
