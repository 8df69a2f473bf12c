// Goal: the payload of a body is found exactly, however its bytes arrive, and malformed chunks end
// it. Method: as for heads, each input whole, byte by byte and split at every point. Outcomes read
// "payload done, left N" with N the bytes of the next message.
#include "http/h1_body.h"

#include <string>

#include <doctest/doctest.h>

#include "base/limits.h"
#include "h1_outcome.h"
#include "split.h"

namespace headrace {
namespace {

using base::Bytes;
using http::Framing;
using http::H1Body;
using test::Cuts;

std::string body(Framing framing, std::uint64_t length, Bytes text) {
  return test::same_at_every_split(
      text, [=](const Cuts& cuts) { return test::body_outcome(framing, length, text, cuts); });
}

std::string chunks(Bytes text) {
  return body(Framing::chunked, 0, text);
}

TEST_CASE("a body without length is done at once") {
  CHECK_EQ(body(Framing::none, 0, "GET /"), " done, left 5");
  CHECK_EQ(body(Framing::length, 0, "GET /"), " done, left 5");
  H1Body none;
  none.start(Framing::none, 0);
  CHECK(none.done());
}

TEST_CASE("a body of a known length ends with its last byte, and the next message is left alone") {
  CHECK_EQ(body(Framing::length, 5, "helloGET /"), "hello done, left 5");
  CHECK_EQ(body(Framing::length, 5, "hell"), "hell more");
  H1Body five;
  five.start(Framing::length, 5);
  CHECK_EQ(five.next("hello").payload, 5);
  CHECK(five.done());
}

TEST_CASE("a body without end runs until the connection closes, and only that completes it") {
  CHECK_EQ(body(Framing::until_close, 0, "hello"), "hello ended");
  H1Body open;
  open.start(Framing::until_close, 0);
  CHECK_FALSE(open.done());
  CHECK(open.finish_at_eof());
  CHECK(open.done());
  H1Body cut;
  cut.start(Framing::length, 2);
  cut.next("x");
  CHECK_FALSE(cut.finish_at_eof());
}

TEST_CASE("chunks are joined, and the body ends behind the empty line") {
  CHECK_EQ(chunks("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /"), "hello world done, left 5");
  CHECK_EQ(chunks("1e\r\n" + std::string(30, 'x') + "\r\n000\r\n\r\n"),
           std::string(30, 'x') + " done, left 0");
  CHECK_EQ(chunks("000000000000000A\r\n0123456789\r\n0\r\n\r\n"), "0123456789 done, left 0");
  CHECK_EQ(chunks("0\r\n\r\n"), " done, left 0");
  CHECK_EQ(chunks("5\r\nhello\r\n0\r\n\r"), "hello more");
  CHECK_EQ(chunks("5\r\nhello\r\n"), "hello more");
}

TEST_CASE("payload is handed out in the longest runs that the input holds") {
  H1Body two;
  two.start(Framing::chunked, 0);
  const Bytes input = "5\r\nhello\r\n3\r\nab";
  const H1Body::Step first = two.next(input);
  CHECK_EQ(first.state, H1Body::State::payload);
  CHECK_EQ(input.substr(first.framing, first.payload), "hello");
  const Bytes rest = input.substr(first.framing + first.payload);
  const H1Body::Step second = two.next(rest);
  CHECK_EQ(rest.substr(second.framing, second.payload), "ab");
  const H1Body::Step third = two.next("c\r");
  CHECK_EQ(third.payload, 1);
  const H1Body::Step fourth = two.next("\r");
  CHECK_EQ(fourth.state, H1Body::State::need_more);
  CHECK_EQ(fourth.framing, 1);
}

TEST_CASE("a chunk size is one to sixteen hexadecimal digits, and nothing else") {
  CHECK_EQ(chunks("ffffffffffffffff\r\nx"), "x more");
  for (const Bytes text : {"0x5\r\nhello\r\n",
                           "5_0\r\n",
                           "00000000000000005\r\nhello\r\n",
                           "5\nhello\r\n",
                           "5 \r\nhello\r\n",
                           " 5\r\nhello\r\n",
                           "\r\n",
                           "-5\r\n",
                           "+5\r\n",
                           "g\r\n",
                           ";a\r\n",
                           "5\r5",
                           "5\r\r\n",
                           "5\t\r\n"}) {
    CAPTURE(text);
    CHECK_EQ(chunks(text), " failed bad_request");
  }
}

TEST_CASE("a chunk ends in CRLF exactly where its size says") {
  for (const Bytes text :
       {"2\r\nabc\r\n", "2\r\nab\n", "2\r\nab\rx", "2\r\nab0\r\n", "2\r\nab \r\n"}) {
    CAPTURE(text);
    CHECK_EQ(chunks(text), "ab failed bad_request");
  }
}

TEST_CASE("chunk extensions are checked by their grammar and dropped") {
  CHECK_EQ(chunks("2;a;b=c;d=\"e;\\\"\r\t\"\r\nab\r\n0\r\n\r\n"), " failed bad_request");
  CHECK_EQ(chunks("2;a;b=c;d=\"e; \\\"\t\xff\";f\r\nab\r\n0;x\r\n\r\n"), "ab done, left 0");
  for (const Bytes text : {"2;\r\n",
                           "2;;a\r\n",
                           "2;a=\r\n",
                           "2;a=b=c\r\n",
                           "2; a\r\n",
                           "2 ;a\r\n",
                           "2;a =b\r\n",
                           "2;a= b\r\n",
                           "2;a=\"b\r\n",
                           "2;a=\"b\"c\r\n",
                           "2;a=\"\x01\"\r\n",
                           "2;a=\"\\\x7f\"\r\n",
                           "2;a\n",
                           "2;a=\"\n\"\r\n",
                           "2;\xff\r\n",
                           "2;a\rb\r\n",
                           "2;=b\r\n",
                           "2;a=(\r\n"}) {
    CAPTURE(text);
    CHECK_EQ(chunks(text), " failed bad_request");
  }
}

TEST_CASE("the extensions of a whole body are bounded") {
  const std::string most = std::string(";").append(base::limits::kChunkExtensionBytes - 2, 'a');
  CHECK_EQ(chunks("1" + most + "\r\nx\r\n0\r\n\r\n").substr(0, 6), "x done");
  CHECK_EQ(chunks("1" + most + "\r\nx\r\n1;a\r\ny\r\n"), "x failed bad_request");
  CHECK_EQ(chunks("1" + most + "aaa"), " failed bad_request");
}

TEST_CASE("trailers are checked like fields and dropped") {
  CHECK_EQ(chunks("0\r\nVary: *\r\nA:\r\nB: c\td\xff\r\n\r\n"), " done, left 0");
  for (const Bytes text : {"0\r\nA\r\n\r\n",
                           "0\r\n: b\r\n\r\n",
                           "0\r\nA : b\r\n\r\n",
                           "0\r\nA: b\n\r\n",
                           "0\r\nA: b\r\n c\r\n\r\n",
                           "0\r\nA: \x01\r\n\r\n",
                           "0\r\n\n",
                           "0\r\n\rx",
                           "0\r\nA: b\rc\r\n\r\n",
                           "0\r\n(: b\r\n\r\n"}) {
    CAPTURE(text);
    CHECK_EQ(chunks(text), " failed bad_request");
  }
}

TEST_CASE("trailers are bounded in number and size") {
  std::string fields;
  for (std::size_t i = 0; i < base::limits::kTrailerFields; ++i) fields += "a: b\r\n";
  CHECK_EQ(chunks("0\r\n" + fields + "\r\n").substr(0, 5), " done");
  CHECK_EQ(chunks("0\r\n" + fields + "a: b\r\n\r\n"), " failed bad_request");
  const std::string wide =
      std::string("0\r\na:").append(base::limits::kTrailerBytes - 6, 'x') + "\r\n\r\n";
  CHECK_EQ(chunks(wide).substr(0, 5), " done");
  CHECK_EQ(chunks(std::string("0\r\na:").append(base::limits::kTrailerBytes, 'x')),
           " failed bad_request");
}

TEST_CASE("a failed body stays failed, and start makes it new") {
  H1Body body;
  body.start(Framing::chunked, 0);
  CHECK_EQ(body.next("x").state, H1Body::State::failed);
  CHECK_EQ(body.next("0\r\n\r\n").state, H1Body::State::failed);
  CHECK_EQ(body.error(), base::Errc::bad_request);
  CHECK_FALSE(body.finish_at_eof());
  body.start(Framing::chunked, 0);
  CHECK_EQ(body.error(), base::Errc::ok);
  CHECK_EQ(body.next("0\r\n\r\n").state, H1Body::State::done);
}

}  // namespace
}  // namespace headrace
