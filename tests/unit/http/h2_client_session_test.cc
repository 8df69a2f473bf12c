// Goal: a client's session asks as told and hears each answer whole, or learns why not, whatever
// the server says and however it is cut.
#include "http/h2_client_session.h"

#include <doctest/doctest.h>

#include <string>

#include "h2_frames.h"
#include "h2_outcome.h"

namespace headrace::test {
namespace {

using http::H2Code;

std::string answer(std::uint32_t id, const h2::FieldTexts& more = {}, bool ends = false) {
  h2::FieldTexts fields = {{":status", "200"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return h2::headers(id, fields, ends);
}

// The session says hello and hears it.
void greet(ClientEar& ear) {
  (void)ear.output();
  ear.give(h2::settings() + h2::settings_ack());
  (void)ear.output();
}

}  // namespace

TEST_CASE("the first bytes are the preface, settings, the window of the connection, the request") {
  ClientEar ear;
  CHECK(ear.session.room() == 100);
  CHECK_FALSE(ear.session.greeted());
  REQUIRE(ear.ask("body", "authorization: Bearer k\r\nConnection: close\r\n") != nullptr);
  const std::string output = ear.output();
  CHECK(output.starts_with(h2::kPreface));
  const auto frames = h2::frames_of(output);
  REQUIRE(frames.size() == 4);
  CHECK(frames[0].is(h2::kSettings, 0));
  CHECK(frames[1].is(h2::kWindowUpdate, 0));
  CHECK(frames[1].word(0) == base::limits::kH2ConnectionWindow - 65'535);
  CHECK(frames[2].is(h2::kHeaders, 1));
  CHECK(frames[3].is(h2::kData, 1));
  CHECK(frames[3].payload == "body");
  CHECK(frames[3].ends());
  // A server of ours hears it as it was asked.
  ServerEar server;
  server.give(output);
  CHECK(server.log == "head 1 POST /v1/x h\nauthorization: Bearer k\nend 1 body\n");
}

TEST_CASE("answers are heard the same wherever they are cut") {
  const std::string all =
      h2::settings({{3, 10}}) + h2::settings_ack() +
      h2::headers(1, {{":status", "103"}, {"link", "x"}}, false) +
      answer(1, {{"content-type", "text/event-stream"}}) + h2::data(1, "one", false) +
      answer(3, {{"content-length", "2"}}) + h2::data(1, "", false) + h2::data(3, "ok", true) +
      h2::ping(true) + h2::frame(h2::kData, h2::kPadded, 1, std::string("\x03two\0\0\0", 7)) +
      h2::headers(1, {{"grpc-status", "0"}}, true) + answer(5, {}, true) + h2::reset(7, 2);
  const std::string heard =
      "head 1 200\ncontent-type: text/event-stream\nhead 3 200 2\ncontent-length: 2\nend 3 ok\n"
      "end 1 onetwo\nhead 5 200 -\nend 5 \nclosed 7 2\n";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    CAPTURE(cut);
    ClientEar ear;
    for (int i = 0; i < 4; ++i) REQUIRE(ear.ask(i % 2 == 0 ? "body" : "") != nullptr);
    (void)ear.output();
    ear.give(Bytes(all).substr(0, cut));
    (void)ear.output();
    ear.give(Bytes(all).substr(cut));
    CHECK(ear.log == heard);
    CHECK(ear.pongs == 1);
    CHECK(ear.session.greeted());
    CHECK(ear.session.room() == 10);
    for (const HeardStream& stream : ear.streams) CHECK_FALSE(stream.open());
  }
}

TEST_CASE("the server's bound on streams is kept, and its lowering too") {
  ClientEar ear;
  greet(ear);
  ear.give(h2::settings({{3, 2}}));
  CHECK(ear.session.room() == 2);
  REQUIRE(ear.ask("a") != nullptr);
  REQUIRE(ear.ask("b") != nullptr);
  CHECK(ear.session.room() == 0);
  (void)ear.output();
  ear.give(answer(1, {}, true));
  CHECK(ear.session.room() == 1);
  ear.give(h2::settings({{3, 1}}));
  CHECK(ear.session.room() == 0);
}

TEST_CASE("a cancelled stream is reset, its rest is ignored and the connection lives") {
  ClientEar ear;
  greet(ear);
  HeardStream* stream = ear.ask("body");
  REQUIRE(stream != nullptr);
  bool sent = false;
  SUBCASE("before anything of it left") {}
  SUBCASE("with its answer coming") {
    (void)ear.output();
    ear.give(answer(1) + h2::data(1, "some", false));
    sent = true;
  }
  ear.session.reset(*stream, H2Code::cancel);
  CHECK_FALSE(stream->open());
  const auto frames = h2::frames_of(ear.output());
  const h2::Frame* reset = h2::find(frames, h2::kRstStream, 1);
  if (sent) {
    REQUIRE(reset != nullptr);
    CHECK(reset->word(0) == 8);
    ear.give(h2::data(1, "rest", false) + h2::data(1, "rest", true));
  } else {
    CHECK(frames.empty());  // not even its head
  }
  CHECK(ear.session.streams() == 0);
  REQUIRE(ear.ask("next") != nullptr);
  (void)ear.output();
  ear.give(answer(3, {}, true));
  CHECK(ear.log.find("end 3") != std::string::npos);
  CHECK(ear.log.find("end 1") == std::string::npos);
  CHECK_FALSE(ear.session.ended());
}

TEST_CASE("an answer that ends before its request does ends both") {
  ClientEar ear;
  greet(ear);
  ear.give(h2::settings({{4, 10}}));
  HeardStream* stream = ear.ask("a body longer than the window");
  (void)ear.output();
  ear.give(answer(1, {}, true));
  CHECK(stream->ended);
  CHECK_FALSE(stream->open());
  const auto frames = h2::frames_of(ear.output());
  REQUIRE(h2::find(frames, h2::kRstStream, 1) != nullptr);
}

TEST_CASE("what a goaway leaves out was not processed") {
  ClientEar ear;
  greet(ear);
  for (int i = 0; i < 3; ++i) REQUIRE(ear.ask("x") != nullptr);
  (void)ear.output();
  ear.give(h2::goaway(1, 0));
  CHECK(ear.goaway);
  CHECK(ear.log == "closed 3 7\nclosed 5 7\n");
  CHECK(ear.session.room() == 0);
  ear.give(answer(1) + h2::data(1, "whole", true));
  CHECK(ear.find(1)->ended);
  CHECK(ear.find(1)->body == "whole");
}

TEST_CASE("an answer that breaks the rules fails its stream alone") {
  ClientEar ear;
  greet(ear);
  REQUIRE(ear.ask("x") != nullptr);
  (void)ear.output();
  std::string interim;
  std::string text;
  SUBCASE("more payload than said") {
    text = answer(1, {{"content-length", "1"}}) + h2::data(1, "two", true);
  }
  SUBCASE("less payload than said") {
    text = answer(1, {{"content-length", "9"}}) + h2::data(1, "two", true);
  }
  SUBCASE("no status") {
    text = h2::headers(1, {{"a", "b"}}, true);
  }
  SUBCASE("an upgrade") {
    text = h2::headers(1, {{":status", "101"}}, false);
  }
  SUBCASE("an interim answer that ends") {
    text = h2::headers(1, {{":status", "103"}}, true);
  }
  SUBCASE("a field of HTTP/1.1") {
    text = answer(1, {{"transfer-encoding", "chunked"}});
  }
  SUBCASE("interim answers without end") {
    for (std::size_t i = 0; i <= base::limits::kInterimAnswers; ++i) {
      text += h2::headers(1, {{":status", "103"}}, false);
    }
  }
  ear.give(text);
  const auto frames = h2::frames_of(ear.output());
  CHECK(h2::find(frames, h2::kRstStream, 1) != nullptr);
  CHECK(ear.find(1)->closed);
  CHECK_FALSE(ear.find(1)->ended);
  CHECK_FALSE(ear.session.ended());
}

TEST_CASE("pings are answered, and ours are heard") {
  ClientEar ear;
  greet(ear);
  ear.give(h2::ping());
  ear.session.ping();
  const auto frames = h2::frames_of(ear.output());
  CHECK(h2::count(frames, h2::kPing) == 2);
  ear.give(h2::ping(true));
  CHECK(ear.pongs == 1);
}

TEST_CASE("a server that does not speak HTTP/2 is told so") {
  ClientEar ear;
  (void)ear.output();
  ear.give("HTTP/1.1 400 Bad Request\r\n\r\n");
  (void)ear.output();
  CHECK(ear.session.ended());
  CHECK(ear.session.room() == 0);
}

}  // namespace headrace::test
