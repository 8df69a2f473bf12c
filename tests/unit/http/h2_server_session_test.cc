// Goal: a server's session hears exactly what a client said, however the bytes are cut; a message
// that breaks the rules costs its stream, an attack its connection, within the counts promised.
// Method: frames made by hand, an owner that writes down what it hears.
#include "http/h2_server_session.h"

#include <doctest/doctest.h>

#include <string>

#include "h2_frames.h"
#include "h2_outcome.h"
#include "io/receive_pool.h"

namespace headrace::test {
namespace {

using http::H2Code;

const h2::FieldTexts kPost = {{":method", "POST"},
                              {":scheme", "https"},
                              {":authority", "h.example:8443"},
                              {":path", "/v1/x?a=b"}};

h2::FieldTexts post_with(const h2::FieldTexts& more) {
  h2::FieldTexts all = kPost;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string hello() {
  return std::string(h2::kPreface) + h2::settings() + h2::settings_ack();
}

// The code of a GOAWAY that was said, or -1.
std::int64_t goaway_code(const std::string& output) {
  for (const h2::Frame& frame : h2::frames_of(output)) {
    if (frame.type == h2::kGoaway) return frame.word(4);
  }
  return -1;
}

std::int64_t reset_code(const std::string& output, std::uint32_t id) {
  const auto frames = h2::frames_of(output);
  const h2::Frame* frame = h2::find(frames, h2::kRstStream, id);
  return frame == nullptr ? std::int64_t{-1} : std::int64_t{frame->word(0)};
}

}  // namespace

TEST_CASE("requests are heard the same wherever they are cut, and byte by byte") {
  const std::string all =
      hello() +
      h2::headers(1, post_with({{"content-type", "a/b"}, {"content-length", "5"}}), false) +
      h2::data(1, "he", false) + h2::ping() + h2::data(1, "llo", true) +
      h2::headers(3, post_with({{"cookie", "a=1"}, {"cookie", "b=2"}, {"te", "trailers"}}), true) +
      h2::headers(5, post_with({{"expect", "100-continue"}}), false) + h2::data(5, "x", false) +
      h2::headers(5, {{"a-trailer", "t"}}, true) + h2::reset(3, 8);
  const std::string heard =
      "head 1 POST /v1/x?a=b h.example:8443 5\ncontent-type: a/b\ncontent-length: 5\n"
      "end 1 hello\n"
      "head 3 POST /v1/x?a=b h.example:8443 -\ncookie: a=1\ncookie: b=2\nte: trailers\n"
      "end 3 \n"
      "head 5 POST /v1/x?a=b h.example:8443 expects\nexpect: 100-continue\n"
      "end 5 x\n"
      "closed 3 8\n";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    CAPTURE(cut);
    ServerEar ear;
    ear.give(Bytes(all).substr(0, cut));
    ear.give(Bytes(all).substr(cut));
    CHECK(ear.log == heard);
    CHECK(h2::count(h2::frames_of(ear.output()), h2::kPing) == 1);
  }
  ServerEar ear;
  for (const char c : all) ear.give({&c, 1});
  CHECK(ear.log == heard);
  CHECK_FALSE(ear.session.ended());
}

TEST_CASE("an answer is told in frames: a head, payload, the end") {
  ServerEar ear;
  ear.give(hello() + h2::headers(1, kPost, true));
  (void)ear.output();
  HeardStream& stream = *ear.find(1);
  REQUIRE(ear.session.answer(
      stream, 200, "content-type: text/event-stream\r\nconnection: x\r\n", false));
  ear.session.write(stream, ear.blocks.copy_of("data: 1\n\n"));
  auto frames = h2::frames_of(ear.output());
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].is(h2::kHeaders, 1));
  CHECK(frames[1].is(h2::kData, 1));
  CHECK(frames[1].payload == "data: 1\n\n");
  CHECK_FALSE(frames[1].ends());
  CHECK(ear.output().empty());
  ear.session.finish(stream);
  frames = h2::frames_of(ear.output());
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].ends());
  CHECK(stream.sent());
  CHECK(stream.closed);
  CHECK(stream.code == H2Code::no_error);
  CHECK_FALSE(stream.open());
}

TEST_CASE("payload that we send is the slice that was given, its frame head in front of it") {
  ServerEar ear;
  ear.give(hello() + h2::headers(1, kPost, true));
  (void)ear.output();
  HeardStream& stream = *ear.find(1);
  REQUIRE(ear.session.answer(stream, 200, "", false));
  io::SliceQueue out;
  ear.session.produce(out, SIZE_MAX);
  out.clear();
  io::Slice piece = ear.blocks.copy_of("123456789payload");
  piece.drop_front(9);
  const char* place = piece.data();
  ear.session.write(stream, std::move(piece));
  ear.session.produce(out, SIZE_MAX);
  REQUIRE(out.count() == 1);
  CHECK(out.front().data() == place - 9);
  CHECK(h2::frames_of(out.front().view())[0].payload == "payload");
}

TEST_CASE("received payload is a lease on the receive buffer, with the frame heads as its room") {
  ServerEar ear;
  ear.keep_pieces = true;
  ear.give(hello() + h2::headers(1, kPost, false));
  const std::string text = h2::data(1, "first", false) + h2::data(1, "second", false);
  io::Slice slice = ear.blocks.copy_of(text);
  const char* begin = slice.data();
  const std::size_t behind = slice.tailroom();
  ear.session.receive(std::move(slice), 0);
  REQUIRE(ear.pieces.size() == 2);
  CHECK(ear.pieces[0].data() == begin + 9);
  CHECK(ear.pieces[0].headroom() == 9);
  CHECK(ear.pieces[0].tailroom() == 2);
  CHECK(ear.pieces[1].data() == begin + 9 + 5 + 9);
  CHECK(ear.pieces[1].headroom() == 7);
  CHECK(ear.pieces[1].tailroom() == behind);
}

TEST_CASE("a stream's window follows its consumer, the connection's does not") {
  ServerEar ear;
  ear.give(hello() + h2::headers(1, kPost, false) + h2::headers(3, kPost, false));
  (void)ear.output();
  ear.session.hold(*ear.find(1));
  const std::string piece(16'000, 'x');
  std::size_t given = 0;
  for (; given + piece.size() <= base::limits::kH2StreamWindow; given += piece.size()) {
    ear.give(h2::data(1, piece, false));
  }
  auto frames = h2::frames_of(ear.output());
  CHECK(h2::find(frames, h2::kWindowUpdate, 1) == nullptr);
  CHECK(ear.find(1)->body.size() == given);
  // The other stream is not concerned.
  for (int i = 0; i < 8; ++i) ear.give(h2::data(3, piece, false));
  frames = h2::frames_of(ear.output());
  CHECK(h2::find(frames, h2::kWindowUpdate, 3) != nullptr);
  ear.session.release(*ear.find(1));
  frames = h2::frames_of(ear.output());
  REQUIRE(h2::find(frames, h2::kWindowUpdate, 1) != nullptr);
  CHECK(h2::find(frames, h2::kWindowUpdate, 1)->word(0) == given);
  // Over its window a stream is reset, and the connection lives.
  ear.session.hold(*ear.find(1));
  for (std::size_t i = 0; i <= base::limits::kH2StreamWindow; i += piece.size()) {
    ear.give(h2::data(1, piece, false));
  }
  CHECK(reset_code(ear.output(), 1) == 3);
  CHECK_FALSE(ear.session.ended());
}

TEST_CASE("what a closed window holds back does not keep receive buffers that are scarce") {
  io::ReceivePool pool({.buffer_bytes = 4000, .initial = 4, .cap = 4});
  ServerEar ear;
  ear.give(std::string(h2::kPreface) + h2::settings({{4, 0}}) + h2::headers(1, kPost, true));
  HeardStream& stream = *ear.find(1);
  REQUIRE(ear.session.answer(stream, 200, "", false));
  (void)ear.output();
  std::string text;
  for (const std::size_t size : {10u, 3000u, 2000u, 4000u, 10u, 100u}) {
    io::Buffer* buffer = pool.take();
    REQUIRE(buffer != nullptr);
    const std::string piece(size, static_cast<char>('a' + text.size() % 26));
    piece.copy(pool.landing(*buffer), size);
    ear.session.write(stream, pool.received(*buffer, size));
    (void)ear.output();
    text += piece;
  }
  CHECK(pool.out() <= 3);
  CHECK(pool.free_count() >= 1);
  ear.session.finish(stream);
  ear.give(h2::window(1, 100'000));
  CHECK(h2::payload_of(h2::frames_of(ear.output()), 1) == text);
  CHECK(pool.out() == 0);
}

TEST_CASE("the peer's windows bound what is framed, and room bounds what is produced") {
  ServerEar ear;
  ear.give(std::string(h2::kPreface) + h2::settings({{4, 100}}) + h2::headers(1, kPost, true));
  (void)ear.output();
  HeardStream& stream = *ear.find(1);
  REQUIRE(ear.session.answer(stream, 200, "", false));
  for (int i = 0; i < 1000; ++i) ear.session.write(stream, ear.blocks.copy_of("0123456789"));
  ear.session.finish(stream);
  auto frames = h2::frames_of(ear.output());
  CHECK(h2::payload_of(frames, 1).size() == 100);
  CHECK(stream.queued_bytes() == 9900);
  CHECK(stream.out.count() <= 20);  // small pieces were put together
  ear.give(h2::window(1, 20'000));
  std::string all;
  for (std::string some = ear.output(500); !some.empty(); some = ear.output(500)) {
    CHECK(some.size() <= 500 + 16'384 + 9);
    all += some;
  }
  CHECK(h2::payload_of(h2::frames_of(all), 1).size() == 9900);
  CHECK(stream.closed);
}

TEST_CASE("a malformed message costs its stream, not the connection") {
  const auto bad = [](const h2::FieldTexts& fields) { return h2::headers(1, fields, true); };
  std::string text;
  SUBCASE("TE that is not trailers") {
    text = bad(post_with({{"te", "gzip"}}));
  }
  SUBCASE("less payload than said") {
    text = h2::headers(1, post_with({{"content-length", "5"}}), false) + h2::data(1, "four", true);
  }
  SUBCASE("more payload than said") {
    text =
        h2::headers(1, post_with({{"content-length", "5"}}), false) + h2::data(1, "sixsix", true);
  }
  SUBCASE("a length and no payload") {
    text = bad(post_with({{"content-length", "5"}}));
  }
  SUBCASE("a line break in a value") {
    text = bad(post_with({{"x", "a\r\nb: c"}}));
  }
  SUBCASE("a NUL in a value") {
    text = bad(post_with({{"x", std::string("a\0b", 3)}}));
  }
  SUBCASE("a capital in a name") {
    text = bad(post_with({{"X-y", "a"}}));
  }
  SUBCASE("a space in a name") {
    text = bad(post_with({{"x y", "a"}}));
  }
  SUBCASE("an empty name") {
    text = bad(post_with({{"", "a"}}));
  }
  SUBCASE("two paths") {
    text = bad(post_with({{":path", "/y"}}));
  }
  SUBCASE("a pseudo field behind a field") {
    text = bad({{":method", "POST"}, {":scheme", "http"}, {"x", "y"}, {":path", "/"}});
  }
  SUBCASE("an unknown pseudo field") {
    text = bad(post_with({{":x", "y"}}));
  }
  SUBCASE("an answer's pseudo field") {
    text = bad(post_with({{":status", "200"}}));
  }
  SUBCASE("a space in the path") {
    text = bad({{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/a b"}});
  }
  SUBCASE("no path") {
    text = bad({{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}});
  }
  SUBCASE("no method") {
    text = bad({{":scheme", "http"}, {":authority", "h"}, {":path", "/"}});
  }
  SUBCASE("connection") {
    text = bad(post_with({{"connection", "close"}}));
  }
  SUBCASE("transfer-encoding") {
    text = bad(post_with({{"transfer-encoding", "chunked"}}));
  }
  SUBCASE("keep-alive") {
    text = bad(post_with({{"keep-alive", "1"}}));
  }
  SUBCASE("upgrade") {
    text = bad(post_with({{"upgrade", "x"}}));
  }
  SUBCASE("two lengths") {
    text = bad(post_with({{"content-length", "0"}, {"content-length", "0"}}));
  }
  SUBCASE("a pseudo field in trailers") {
    text = h2::headers(1, kPost, false) + h2::headers(1, {{":path", "/"}}, true);
  }
  ServerEar ear;
  ear.give(hello() + text);
  const std::string output = ear.output();
  CHECK(reset_code(output, 1) == 1);
  CHECK(goaway_code(output) == -1);
  CHECK_FALSE(ear.session.ended());
  CHECK(ear.session.counts().provoked() == 1);
  CHECK(ear.log.find("end 1") == std::string::npos);
  ear.give(h2::headers(3, kPost, true));
  CHECK(ear.log.find("end 3 ") != std::string::npos);
}

TEST_CASE("what deserves an answer gets one: too much of a head, a strange target, another host") {
  struct Row {
    const char* says;
    h2::FieldTexts fields;
  };
  h2::FieldTexts many = kPost;
  for (std::size_t i = many.size(); i <= base::limits::kHeadFields; ++i)
    many.push_back({"cookie", "c"});
  const std::string big(base::limits::kH2HeadBytes / 8, 'v');
  const Row rows[] = {
      {"head_too_large", many},
      {"head_too_large",
       post_with({{"a", big},
                  {"a", big},
                  {"a", big},
                  {"a", big},
                  {"a", big},
                  {"a", big},
                  {"a", big},
                  {"a", big}})},
      {"uri_too_long",
       {{":method", "GET"},
        {":scheme", "http"},
        {":authority", "h"},
        {":path", "/" + std::string(base::limits::kTargetBytes, 'p')}}},
      {"bad_request",
       {{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "h"}, {":path", "*"}}},
      {"bad_request",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "u@h"}}},
      {"misdirected", post_with({{"host", "other"}})},
      {"bad_request", post_with({{"expect", "more"}})},
      {"method_not_allowed", {{":method", "CONNECT"}, {":authority", "h:443"}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.says);
    ServerEar ear;
    const std::string block = h2::block(row.fields);
    std::string text = hello();
    // Heads above a frame's size go on in CONTINUATION frames.
    constexpr std::size_t kFrame = 16'384;
    for (std::size_t at = 0; at < block.size(); at += kFrame) {
      const bool last = at + kFrame >= block.size();
      text += h2::frame(at == 0 ? h2::kHeaders : h2::kContinuation,
                        (last ? 4u : 0u) | (at == 0 ? 1u : 0u),
                        1,
                        Bytes(block).substr(at, kFrame));
    }
    ear.give(text);
    REQUIRE(ear.find(1) != nullptr);
    CHECK(ear.find(1)->head == std::string("bad ") + row.says);
    CHECK(ear.find(1)->ended);
    CHECK(ear.session.answer(*ear.find(1), 431, "content-length: 0\r\n", true));
    CHECK(h2::find(h2::frames_of(ear.output()), h2::kHeaders, 1) != nullptr);
    CHECK(ear.find(1)->closed);
  }
}

TEST_CASE("a request that nobody takes is refused, so that it may be tried elsewhere") {
  ServerEar ear;
  ear.refuse = true;
  ear.give(hello() + h2::headers(1, kPost, true));
  CHECK(reset_code(ear.output(), 1) == 7);
  ear.refuse = false;
  ear.give(h2::headers(3, kPost, true));
  CHECK(ear.log.find("end 3") != std::string::npos);
}

TEST_CASE("one stream more than is allowed is refused, and to a client that knew the end") {
  bool knew = false;
  SUBCASE("before it can know") {}
  SUBCASE("after") {
    knew = true;
  }
  ServerEar ear;
  ear.give(std::string(h2::kPreface) + h2::settings() + (knew ? h2::settings_ack() : ""));
  (void)ear.output();
  std::uint32_t id = 1;
  for (std::uint32_t i = 0; i < base::limits::kH2Streams; ++i, id += 2) {
    ear.give(h2::headers(id, kPost, true));
  }
  CHECK(ear.streams.size() == base::limits::kH2Streams);
  ear.give(h2::headers(id, kPost, true));
  CHECK(ear.streams.size() == base::limits::kH2Streams);
  const std::string output = ear.output();
  CHECK(reset_code(output, id) == (knew ? -1 : 7));
  CHECK(goaway_code(output) == (knew ? 1 : -1));
  CHECK(ear.session.ended() == knew);
}

TEST_CASE("interim, drain, end") {
  ServerEar ear;
  ear.give(hello() + h2::headers(1, post_with({{"expect", "100-continue"}}), false));
  (void)ear.output();
  ear.session.go_on(*ear.find(1));
  CHECK(h2::count(h2::frames_of(ear.output()), h2::kHeaders) == 1);
  ear.session.drain();
  auto frames = h2::frames_of(ear.output());
  REQUIRE(h2::count(frames, h2::kGoaway) == 1);
  CHECK(frames[0].word(0) == 0x7fffffff);
  ear.give(h2::data(1, "x", true));
  CHECK(ear.find(1)->ended);
  REQUIRE(ear.session.answer(*ear.find(1), 204, "", true));
  (void)ear.output();
  CHECK(ear.find(1)->closed);
  ear.session.end(H2Code::no_error);
  CHECK_FALSE(ear.session.ended());
  CHECK(goaway_code(ear.output()) == 0);
  CHECK(ear.session.ended());
}

TEST_CASE("what is no HTTP/2 ends the connection") {
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\nhost: h\r\n\r\n"), std::string(h2::kPreface) + h2::ping()}) {
    ServerEar ear;
    ear.give(text);
    CHECK(goaway_code(ear.output()) == 1);
    CHECK(ear.session.ended());
    ear.give(hello());
    CHECK(ear.output().empty());
  }
}

}  // namespace headrace::test
