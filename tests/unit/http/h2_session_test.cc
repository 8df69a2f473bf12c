// Goal: an attack ends its connection within the counts that are promised and costs little on the
// way; what is no attack costs no heap once the worker is warm. Method: both roles against each
// other, floods made by hand, an allocator that counts.
#include "http/h2_session.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "h2_frames.h"
#include "h2_outcome.h"

namespace {
std::uint64_t heap_calls = 0;
}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEADRACE_COUNTS_HEAP 0
#elif defined(__has_feature)
#define HEADRACE_COUNTS_HEAP 0
#else
#define HEADRACE_COUNTS_HEAP 1
#endif

#if HEADRACE_COUNTS_HEAP && defined(__GLIBC__)
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* malloc(std::size_t size) {
  ++heap_calls;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++heap_calls;
  return __libc_calloc(count, size);
}
void* realloc(void* piece, std::size_t size) {
  ++heap_calls;
  return __libc_realloc(piece, size);
}
}
#endif

namespace headrace::test {
namespace {

using http::H2Code;

const h2::FieldTexts kGet = {
    {":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}};

std::string hello() {
  return std::string(h2::kPreface) + h2::settings() + h2::settings_ack();
}

bool calmed(const std::string& output) {
  const auto frames = h2::frames_of(output);
  return !frames.empty() && frames.back().type == h2::kGoaway && frames.back().word(4) == 11;
}

// How many turns of an attack a server's session takes. Each turn is read alone, and what it
// provokes is taken by the peer when `reads`.
std::size_t survived(const std::function<std::string(std::uint32_t)>& attack,
                     bool reads = true,
                     std::size_t turns = 20'000) {
  ServerEar ear;
  ear.answer_all = true;
  ear.give(hello());
  (void)ear.output();
  std::string said;
  std::size_t turn = 0;
  while (turn < turns && !ear.session.ended()) {
    ear.give(attack(static_cast<std::uint32_t>(turn++)));
    if (reads) said = ear.output();
  }
  if (ear.session.ended()) {
    CHECK(calmed(said + ear.output()));
    CHECK(ear.output().empty());
  }
  CHECK(ear.session.memory().most_bytes() <= base::limits::kH2SessionBytes);
  return turn;
}

std::uint32_t id_of(std::uint32_t turn) {
  return 2 * turn + 1;
}

}  // namespace

TEST_CASE("floods end the connection within the counts promised") {
  CHECK(survived([](std::uint32_t turn) {
          return h2::headers(id_of(turn), kGet, true) + h2::reset(id_of(turn), 8);
        }) <= 1100);
  CHECK(survived([](std::uint32_t turn) {
          return h2::headers(id_of(turn), kGet, false) + h2::reset(id_of(turn), 8);
        }) <= 1100);
  CHECK(survived([](std::uint32_t) { return h2::ping(); }) <= 1000);
  CHECK(survived([](std::uint32_t) { return h2::settings(); }) <= 1000);
  CHECK(survived([](std::uint32_t) { return h2::ping(); }, false) <= 1000);
  CHECK(survived([](std::uint32_t) { return h2::settings({{4, 70'000}}); }, false) <= 1000);
  CHECK(survived([](std::uint32_t) { return h2::window(0, 1); }) <= 1000);
  CHECK(survived([](std::uint32_t turn) {
          return h2::frame(h2::kPriority, 0, id_of(turn), std::string("\0\0\0\0\x10", 5));
        }) <= 1000);
  CHECK(survived([](std::uint32_t) { return h2::frame(0xfe, 0, 0, "grease"); }) <= 1000);
  CHECK(survived([](std::uint32_t turn) {
          return turn == 0 ? h2::headers(1, kGet, false) : h2::data(1, "", false);
        }) <= 1000);
}

TEST_CASE("faults that make us reset streams end the connection within 200") {
  CHECK(survived([](std::uint32_t turn) {  // less payload than said
          h2::FieldTexts fields = kGet;
          fields.emplace_back("content-length", "1");
          return h2::headers(id_of(turn), fields, true);
        }) <= 200);
  CHECK(survived([](std::uint32_t turn) {  // a window that overflows
          return h2::headers(id_of(turn), kGet, false) + h2::window(id_of(turn), 0x7fffffff);
        }) <= 200);
  CHECK(survived([](std::uint32_t turn) {  // a head without its pseudo fields
          return h2::headers(id_of(turn), {}, true);
        }) <= 200);
}

TEST_CASE("a head in eight more frames is one head, however its bytes come") {
  const std::string block = h2::block(kGet);
  std::string text = hello();
  for (std::size_t i = 0; i <= 8; ++i) {
    text += h2::frame(i == 0 ? h2::kHeaders : h2::kContinuation,
                      i == 8   ? h2::kEndHeaders
                      : i == 0 ? h2::kEndStream
                               : 0,
                      1,
                      Bytes(block).substr(i * 4, i == 8 ? Bytes::npos : 4));
  }
  ServerEar ear;
  for (const char& byte : text) ear.give({&byte, 1});
  CHECK_FALSE(ear.session.ended());
  CHECK(ear.find(1) != nullptr);
}

TEST_CASE("a head in too many frames ends the connection") {
  for (const std::size_t continuations : {8u, 9u}) {
    ServerEar ear;
    ear.give(hello());
    (void)ear.output();
    ear.give(h2::frame(h2::kHeaders, h2::kEndStream, 1, h2::block(kGet)));
    for (std::size_t i = 1; i < continuations; ++i)
      ear.give(h2::frame(h2::kContinuation, 0, 1, ""));
    ear.give(h2::frame(h2::kContinuation, h2::kEndHeaders, 1, ""));
    CHECK(ear.session.ended() == (continuations == 9));
    CHECK((ear.find(1) != nullptr) == (continuations == 8));
  }
}

TEST_CASE("a small head that decodes into a large one is cut off before it costs anything") {
  // One field of 4,000 bytes goes into the table, then each byte repeats it.
  ServerEar ear;
  ear.give(hello());
  (void)ear.output();
  std::string block = h2::block(kGet);
  block += '\x40' + h2::literal("x") + h2::literal(std::string(4000, 'v'));
  const std::string head = block + std::string(200, '\xbe');
  ear.give(h2::frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, head));
  CHECK(calmed(ear.output()));
  CHECK(ear.session.ended());
  CHECK(ear.session.memory().most_bytes() < 10 * head.size());
}

TEST_CASE("an idle session is small") {
  ServerEar server;
  ClientEar client;
  server.answer_all = true;
  for (int i = 0; i < 50; ++i) {
    if (i != 0) {
      client.streams.clear();
      server.streams.clear();
    }
    REQUIRE(client.ask("body", "x-field: some value that is new " + std::to_string(i) + "\r\n"));
    server.give(client.output());
    client.give(server.output());
    CHECK(client.streams.back().ended);
  }
  CHECK(server.session.memory().bytes() + sizeof server.session <= 48'000);
  CHECK(client.session.memory().bytes() + sizeof client.session <= 48'000);
  CHECK(server.blocks.blocks_out() == 0);
  CHECK(client.blocks.blocks_out() == 0);
}

TEST_CASE("20,000 frames of an attack cost little time") {
  // Counted by work, not by the clock: the session reads none of what comes after its end.
  ServerEar ear;
  ear.give(hello());
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += h2::ping();
  for (int i = 0; i < 20; ++i) ear.give(flood);
  CHECK(ear.session.counts().frames() < 1100);
  CHECK(calmed(ear.output()));
}

namespace {

// Whatever lay in a free block is gone.
void churn(io::BlockPool& blocks) {
  std::vector<io::Slice> taken;
  for (std::size_t size = 512; size <= 8192; size *= 2) {
    for (int i = 0; i < 8; ++i) {
      io::Slice& block = taken.emplace_back(blocks.take(size));
      std::memset(block.data(), 'Z', size);
    }
  }
}

}  // namespace

TEST_CASE("heads that wait are framed as they were given, whatever goes on around them") {
  // Nobody copies their text: it lies in blocks, which must not go home before their time.
  ClientEar client;
  ServerEar server;
  server.give(client.output());
  client.give(server.output());
  const std::string filler(150, 'f');
  std::vector<HeardStream*> asked;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::string field = "X-Number: " + std::to_string(i) + "\r\nx-filler: " + filler + "\r\n";
    asked.push_back(client.ask("", field));
    REQUIRE(asked.back() != nullptr);
    churn(client.blocks);
  }
  for (std::size_t i = 0; i < 60; i += 3) client.session.reset(*asked[i], H2Code::cancel);
  for (int turns = 0; turns < 1000 && client.session.wants_to_send(); ++turns) {
    server.give(client.output(100));
    churn(client.blocks);
  }
  CHECK(client.blocks.blocks_out() == 0);
  REQUIRE(server.streams.size() == 40);
  for (std::size_t i = 0; i < 60; ++i) {
    HeardStream* heard = server.find(static_cast<std::uint32_t>(asked[i]->number));
    CHECK((heard == nullptr) == (i % 3 == 0));
    if (heard == nullptr) continue;
    CHECK(heard->head.ends_with("\nx-number: " + std::to_string(i) + "\nx-filler: " + filler));
    const std::string lines =
        "X-Number: " + std::to_string(1000 + i) + "\r\nx-filler: " + filler + "\r\n";
    REQUIRE(server.session.answer(*heard, 200, lines, true));
    churn(server.blocks);
    if (i % 3 == 1) server.session.reset(*heard, H2Code::internal_error);
  }
  for (int turns = 0; turns < 1000 && server.session.wants_to_send(); ++turns) {
    client.give(server.output(100));
    churn(server.blocks);
  }
  CHECK(server.blocks.blocks_out() == 0);
  for (std::size_t i = 0; i < 60; ++i) {
    const std::string number = "\nx-number: " + std::to_string(1000 + i);
    CHECK((asked[i]->head.find(number + "\nx-filler: " + filler) != std::string::npos) ==
          (i % 3 == 2));
  }
}

namespace {

// A server that answers at once, with no container in its way.
class Echo final : public http::H2ServerOwner {
 public:
  Echo(http::H2Memory& memory, io::BlockPool& blocks) : session(memory, blocks, *this) {}

 private:
  void on_h2_request(const http::RequestHead&, const http::Fields&, Bytes) override {
    session.accept(stream_);
  }
  void on_h2_bad_request(base::Errc) override {}
  void on_h2_data(http::H2Stream&, io::Slice piece) override { kept_ = std::move(piece); }
  void on_h2_end(http::H2Stream& stream) override {
    REQUIRE(session.answer(stream, 200, "content-type: text/event-stream\r\n", false));
    session.write(stream, std::move(kept_));
    session.finish(stream);
  }
  void on_h2_closed(http::H2Stream&, H2Code) override {}

  http::H2Stream stream_;
  io::Slice kept_;

 public:
  http::H2ServerSession session;
};

class Asking final : public http::H2ClientOwner {
 public:
  Asking(http::H2Memory& memory, io::BlockPool& blocks) : session(memory, blocks, *this) {}
  http::H2Stream stream;
  std::uint64_t ended = 0;

 private:
  void on_h2_answer(http::H2Stream&,
                    const http::ResponseHead&,
                    const http::Fields&,
                    Bytes) override {}
  void on_h2_data(http::H2Stream&, io::Slice) override {}
  void on_h2_end(http::H2Stream&) override { ++ended; }
  void on_h2_closed(http::H2Stream&, H2Code) override {}

 public:
  http::H2ClientSession session;
};

void pass_on(http::H2Session& from, http::H2Session& to, io::SliceQueue& wire) {
  from.produce(wire, SIZE_MAX);
  while (!wire.empty()) to.receive(wire.pop(), 0);
}

}  // namespace

TEST_CASE("a warm worker serves requests without the heap") {
  io::BlockPool blocks;
  http::H2Memory memory;
  Echo server(memory, blocks);
  Asking client(memory, blocks);
  io::SliceQueue wire;
  const auto request = [&] {
    constexpr Bytes kHead =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: api.example\r\ncontent-type: "
        "application/json\r\nauthorization: Bearer key\r\n\r\n";
    http::H2FieldList fields;
    io::Slice head = blocks.copy_of(kHead);
    REQUIRE(fields.read_request({head.data(), head.size()}, "http") == kHead.size());
    REQUIRE(client.session.request(client.stream, fields, std::move(head), false));
    client.session.write(client.stream, blocks.copy_of("{\"model\":\"m\"}"));
    client.session.finish(client.stream);
    pass_on(client.session, server.session, wire);
    pass_on(server.session, client.session, wire);
  };
  for (int i = 0; i < 500; ++i) request();
  const std::uint64_t pool_calls = memory.heap_calls();
  const std::uint64_t all_calls = heap_calls;
  for (int i = 0; i < 5000; ++i) request();
  CHECK(client.ended == 5500);
  CHECK(memory.heap_calls() == pool_calls);
  CHECK(heap_calls == all_calls);
#if HEADRACE_COUNTS_HEAP && defined(__GLIBC__)
  CHECK(heap_calls > 0);  // the count counts
#endif
}

}  // namespace headrace::test
