// Goal: what the writer says is exactly HTTP/1.1, never more than the span holds, and no value can
// break out of its field.
#include "http/h1_writer.h"

#include <array>
#include <string>

#include <doctest/doctest.h>

namespace headrace {
namespace {

using base::Bytes;
using http::H1Writer;

TEST_CASE("heads are written as HTTP/1.1 has them") {
  std::array<char, 256> room{};
  H1Writer answer(room.data(), room.size());
  answer.status_line(200);
  answer.field("content-type", "text/event-stream");
  answer.field("content-length", 18446744073709551615u);
  answer.field("x-zero", 0u);
  answer.field("x-empty", "");
  answer.end_head();
  answer.raw("body");
  CHECK(answer.ok());
  CHECK_EQ(answer.written(),
           "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: "
           "18446744073709551615\r\n"
           "x-zero: 0\r\nx-empty: \r\n\r\nbody");
  H1Writer request(room.data(), room.size());
  request.request_line("POST", "/v1/chat/completions?a=b");
  request.end_head();
  CHECK_EQ(request.written(), "POST /v1/chat/completions?a=b HTTP/1.1\r\n\r\n");
}

TEST_CASE("a status has its phrase, and an unknown one a line without") {
  CHECK_EQ(http::reason_phrase(100), "Continue");
  CHECK_EQ(http::reason_phrase(429), "Too Many Requests");
  CHECK_EQ(http::reason_phrase(529), "Overloaded");
  for (const int status : {0, 99, 299, 599, 600, 999, 65535}) {
    CHECK(http::reason_phrase(static_cast<std::uint16_t>(status)).empty());
  }
  std::array<char, 32> room{};
  H1Writer writer(room.data(), room.size());
  writer.status_line(999);
  CHECK_EQ(writer.written(), "HTTP/1.1 999 \r\n");
}

TEST_CASE("a field whose value holds a control byte is left out whole") {
  for (int c = 0; c < 256; ++c) {
    const bool legal = c == '\t' || (c >= 0x20 && c != 0x7f);
    for (std::size_t at : {0u, 5u, 18u}) {
      CAPTURE(c);
      std::string value(20, 'v');
      value[at] = static_cast<char>(c);
      std::array<char, 64> room{};
      H1Writer writer(room.data(), room.size());
      writer.field("a", value);
      CHECK_EQ(writer.written(), legal ? "a: " + value + "\r\n" : "");
      CHECK(writer.ok());
    }
  }
}

TEST_CASE("overflow is remembered, nothing is written past the end and nothing after it") {
  const auto write = [](char* out, std::size_t capacity) {
    H1Writer writer(out, capacity);
    writer.status_line(404);
    writer.field("content-length", std::uint64_t{12});
    writer.end_head();
    return writer;
  };
  std::array<char, 64> room{};
  const std::size_t needed = write(room.data(), room.size()).size();
  CHECK(write(room.data(), needed).ok());
  for (std::size_t capacity = 0; capacity < needed; ++capacity) {
    room.fill('#');
    const H1Writer writer = write(room.data(), capacity);
    CHECK_FALSE(writer.ok());
    CHECK_LE(writer.size(), capacity);
    CHECK_EQ(room[writer.size()], '#');
    CHECK_EQ(room[capacity], '#');
  }
  H1Writer full(room.data(), 4);
  full.raw("12345");
  full.raw("1");
  CHECK_FALSE(full.ok());
  CHECK_EQ(full.size(), 0);
}

TEST_CASE("an absent view is an empty value") {
  std::array<char, 64> room{};
  H1Writer writer(room.data(), room.size());
  writer.field("a", Bytes());
  writer.raw(Bytes());
  CHECK_EQ(writer.written(), "a: \r\n");
}

}  // namespace
}  // namespace headrace
