// Goal: the rules of the commit point and of the event as the unit of relay. Method: a relay
// between a sink that writes down what it gets and pieces cut at every place.
#include "relay/relay.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect/openai.h"
#include "dialect/openai_responses.h"
#include "relay_bench.h"

using namespace headrace;

namespace {

struct Bench : test::RelayBench {
  void start(bool stream) {
    relay.start(
        {.stream = stream,
         .events = {
             dialect::classify_chat_event, dialect::ends_chat_stream, dialect::chat_may_fail}});
  }
};

const std::string kRole =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const std::string kHello =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
const std::string kWorld = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\n";
const std::string kStop =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kDone = "data: [DONE]\n\n";
const std::string kError = "data: {\"error\":{\"message\":\"x\"}}\n\n";

}  // namespace

TEST_CASE("nothing reaches the client before the first useful event") {
  Bench bench;
  bench.start(true);
  CHECK_FALSE(bench.feed(": ping\n\n" + kRole));
  CHECK_FALSE(bench.sink.begun);
  CHECK(bench.feed(kHello));
  CHECK(bench.sink.text() == ": ping\n\n" + kRole + kHello);
}

TEST_CASE("a stream arrives byte for byte, however it is cut in two") {
  const std::string stream = kRole + kHello + ": keep-alive\n\n" + kWorld + kStop + kDone;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Bench bench;
    bench.start(true);
    bench.feed(stream.substr(0, cut));
    bench.feed(stream.substr(cut));
    REQUIRE(bench.relay.committed());
    CHECK(bench.relay.finish());
    CHECK(bench.sink.text() == stream);
    CHECK(bench.sink.finished);
  }
}

TEST_CASE("a stream arrives byte for byte when every byte comes alone") {
  const std::string stream = kRole + kHello + kWorld + kStop + kDone;
  Bench bench;
  bench.start(true);
  for (const char c : stream) {
    bench.feed({&c, 1});
    // What has been passed on ends with an event, always.
    const std::string sofar = bench.sink.text();
    CHECK((sofar.empty() || sofar.substr(sofar.size() - 2) == "\n\n"));
  }
  CHECK(bench.relay.finish());
  CHECK(bench.sink.text() == stream);
}

TEST_CASE("whole events pass without a copy, whatever lies between them") {
  Bench bench;
  bench.start(true);
  bench.feed(kRole + kHello);
  for (int i = 0; i < 100; ++i) bench.feed(kWorld);
  CHECK(bench.relay.counters().bytes_copied == 0);
  CHECK(bench.relay.counters().events == 102);
}

TEST_CASE("the tail of an unfinished event waits") {
  Bench bench;
  bench.start(true);
  bench.feed(kHello + kWorld.substr(0, 20));
  CHECK(bench.sink.text() == kHello);
  bench.feed(kWorld.substr(20));
  CHECK(bench.sink.text() == kHello + kWorld);
}

TEST_CASE("a stream that stops without an end is not finished like a complete one") {
  Bench bench;
  bench.start(true);
  bench.feed(kHello + kWorld + kStop.substr(0, 30));
  CHECK_FALSE(bench.relay.finish());
  CHECK(bench.relay.break_off(kError));
  CHECK(bench.sink.text() == kHello + kWorld + kError);
  CHECK(bench.sink.finished);
  CHECK_FALSE(bench.sink.aborted);
}

TEST_CASE("a finish reason is an end even when the end marker is missing") {
  Bench bench;
  bench.start(true);
  bench.feed(kHello + kStop);
  CHECK(bench.relay.finish());
  CHECK(bench.sink.finished);
}

TEST_CASE("an end marker without its blank line is an end all the same") {
  Bench bench;
  bench.start(true);
  bench.feed(kHello + "data: [DONE]");
  CHECK(bench.relay.finish());
  CHECK(bench.sink.text() == kHello + "data: [DONE]");
}

TEST_CASE("an event above its bound flows in pieces, and a cut inside it cuts the client") {
  const std::string head = "data: {\"choices\":[{\"delta\":{\"content\":\"";
  Bench bench;
  bench.start(true);
  bench.feed(kHello);
  bench.feed(head + std::string(base::limits::kEventBytes, 'x'));
  CHECK(bench.sink.text().size() > base::limits::kEventBytes);
  SUBCASE("it may end well") {
    bench.feed("\"}}]}\n\n" + kStop);
    CHECK(bench.relay.finish());
    CHECK(bench.sink.text() ==
          kHello + head + std::string(base::limits::kEventBytes, 'x') + "\"}}]}\n\n" + kStop);
  }
  SUBCASE("or be cut") {
    CHECK_FALSE(bench.relay.break_off(kError));
    CHECK(bench.sink.aborted);
    CHECK_FALSE(bench.sink.finished);
  }
}

TEST_CASE("a full hold commits and is counted") {
  Bench bench;
  bench.start(true);
  bool due = false;
  for (std::size_t fed = 0; !due && fed < 2 * base::limits::kHoldBytes; fed += kRole.size()) {
    due = bench.feed(kRole);
  }
  CHECK(due);
  CHECK(bench.relay.counters().hold_full);
}

TEST_CASE("a plain answer is held until it is complete") {
  Bench bench;
  bench.start(false);
  CHECK_FALSE(bench.feed("{\"a\":"));
  CHECK_FALSE(bench.feed("1}"));
  CHECK_FALSE(bench.sink.begun);
  CHECK(bench.relay.held_bytes() == 7);
  bench.relay.commit({});
  CHECK(bench.relay.finish());
  CHECK(bench.sink.text() == "{\"a\":1}");
}

TEST_CASE("a plain answer that breaks after its commit is cut, never completed") {
  Bench bench;
  bench.start(false);
  CHECK(bench.feed(std::string(base::limits::kHoldBytes, 'x')));
  CHECK_FALSE(bench.relay.break_off(kError));
  CHECK(bench.sink.aborted);
  CHECK_FALSE(bench.sink.finished);
}

TEST_CASE("an error event before anything useful is a failure, and keeps its words") {
  Bench bench;
  bench.start(true);
  CHECK_FALSE(bench.feed(kRole + kError));
  CHECK_FALSE(bench.sink.begun);
  CHECK(bench.relay.failure() == kError);
}

TEST_CASE("an error event behind the commit point passes on and ends the stream") {
  for (const bool together : {false, true}) {
    Bench bench;
    bench.start(true);
    if (together) {
      CHECK(bench.feed(kHello + kError));
    } else {
      CHECK(bench.feed(kHello));
      bench.feed(kError);
    }
    CHECK(bench.relay.failed());
    CHECK(bench.relay.finish());
    CHECK(bench.sink.text() == kHello + kError);
    CHECK(bench.sink.finished);
  }
}

TEST_CASE("a broken connection behind an error event needs no second one") {
  Bench bench;
  bench.start(true);
  CHECK(bench.feed(kHello + kError + kWorld.substr(0, 9)));
  CHECK(bench.relay.finish_broken());
  CHECK(bench.relay.failed());
  CHECK(bench.sink.text() == kHello + kError);
}

namespace {

// Reads along, and keeps back what has a word in it.
struct Watch final : api::AnswerWatch {
  bool see_event(base::Bytes event) override {
    ++events;
    return event.find("usage") == base::Bytes::npos;
  }
  void see_front(base::Bytes front) override { fronts += front; }
  void see_piece(base::Bytes piece) override { pieces += piece; }
  int events = 0;
  std::string fronts;
  std::string pieces;
};

}  // namespace

TEST_CASE("an event that is kept back leaves no gap, however the stream is cut") {
  const std::string kUsage = "data: {\"choices\":[],\"usage\":{}}\n\n";
  const std::string stream = kUsage + kHello + kUsage + kWorld + kStop + kUsage + kDone;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Watch watch;
    Bench bench;
    bench.relay.start({.stream = true,
                       .events = {dialect::classify_chat_event,
                                  dialect::ends_chat_stream,
                                  dialect::chat_may_fail},
                       .watch = &watch});
    bench.feed(stream.substr(0, cut));
    bench.feed(stream.substr(cut));
    CHECK(bench.relay.finish());
    CHECK(bench.sink.text() == kHello + kWorld + kStop + kDone);
    CHECK(watch.events == 7);
    CHECK(bench.relay.counters().events == 4);
    CHECK(bench.relay.counters().bytes == bench.sink.text().size());
  }
}

TEST_CASE("an event above its bound that ends the stream ends it, and is shown in pieces") {
  const std::string hello =
      "event: response.output_text.delta\n"
      "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hel\"}\n\n";
  const std::string padding(2 * base::limits::kEventBytes, 'x');
  const auto long_event = [&](const std::string& type) {
    return "event: " + type + "\ndata: {\"type\":\"" + type + "\",\"response\":{\"text\":\"" +
           padding + "\",\"usage\":{\"input_tokens\":1}}}\n\n";
  };
  Watch watch;
  Bench bench;
  bench.relay.start({.stream = true,
                     .events = {dialect::classify_response_event,
                                dialect::ends_response_stream,
                                dialect::response_may_fail},
                     .watch = &watch});
  bench.feed(hello);
  SUBCASE("the whole response") {
    const std::string end = long_event("response.completed");
    for (std::size_t at = 0; at < end.size(); at += 1000) bench.feed(end.substr(at, 1000));
    CHECK(bench.relay.finish());
    CHECK_FALSE(bench.relay.failed());
    CHECK((bench.sink.text() == hello + end));
    CHECK((watch.pieces == end));
    CHECK(end.starts_with(watch.fronts));
    CHECK(watch.fronts.size() > base::limits::kEventBytes);
    CHECK(bench.relay.counters().events == 2);
  }
  SUBCASE("and is whole when its connection breaks behind it") {
    bench.feed(long_event("response.completed"));
    CHECK(bench.relay.finish_broken());
  }
  SUBCASE("but not without its last byte") {
    const std::string end = long_event("response.completed");
    bench.feed(end.substr(0, end.size() - 1));
    CHECK_FALSE(bench.relay.finish());
    CHECK_FALSE(bench.relay.break_off(kError));
    CHECK(bench.sink.aborted);
  }
  SUBCASE("a failure with all that was said before it") {
    bench.feed(long_event("response.failed"));
    CHECK(bench.relay.finish());
    CHECK(bench.relay.failed());
  }
  SUBCASE("a long event in the middle ends nothing") {
    bench.feed(long_event("response.output_text.done"));
    CHECK_FALSE(bench.relay.finish());
    CHECK(bench.relay.break_off(kError));
  }
}

TEST_CASE("what flows of a plain answer that is too long is shown to the watch") {
  Watch watch;
  Bench bench;
  bench.relay.start({.watch = &watch, .hold_bytes = 100});
  CHECK(bench.feed(std::string(100, 'a')));
  bench.feed("usage");
  CHECK(bench.relay.finish());
  CHECK(watch.pieces == "usage");
  CHECK(bench.sink.text() == std::string(100, 'a') + "usage");
}

TEST_CASE("a plain answer is read as one text, whole or in pieces") {
  Bench bench;
  bench.relay.start({});
  bench.feed("one");
  {
    io::Slice scratch;
    CHECK(bench.relay.held_text(scratch) == "one");
    CHECK(scratch.empty());
  }
  const std::string more(3 * bench.upstreams.buffer_bytes(), 'x');
  bench.feed(more);
  io::Slice scratch;
  CHECK(bench.relay.held_text(scratch) == "one" + more);
  bench.relay.commit_instead({}, bench.io.blocks().copy_of("another"));
  CHECK(bench.relay.finish());
  CHECK(bench.sink.text() == "another");
}

TEST_CASE("the relay is full above the pause mark and goes on below the resume mark") {
  Bench bench;
  bench.start(true);
  bench.sink.queued = base::limits::kPauseBytes + 1;
  CHECK(bench.relay.full());
  CHECK_FALSE(bench.relay.proceed());
  bench.sink.queued = base::limits::kResumeBytes;
  CHECK_FALSE(bench.relay.full());
  CHECK(bench.relay.proceed());
}
