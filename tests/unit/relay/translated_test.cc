// Goal: a translated stream obeys the same rules as an untouched one: the commit point, the event
// as the unit, one terminal error, no end that is not one. Method: the relay between a real filter
// and a sink that writes down what it gets, cut at every place.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "dialect/dialect.h"
#include "relay/relay.h"
#include "relay_bench.h"

namespace headrace::test {
namespace {

std::string event(const std::string& type, const std::string& rest = "") {
  return "event: " + type + "\ndata: {\"type\":\"" + type + "\"" + rest + "}\n\n";
}
const std::string kStart =
    event("message_start", R"(,"message":{"id":"m","model":"x","usage":{"input_tokens":4}})");
const std::string kOpen =
    event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})");
std::string text(const std::string& words) {
  return event("content_block_delta",
               R"(,"index":0,"delta":{"type":"text_delta","text":")" + words + "\"}");
}
const std::string kEnd =
    event("content_block_stop", R"(,"index":0)") +
    event("message_delta", R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2})") +
    event("message_stop");
const std::string kError =
    event("error", R"(,"error":{"type":"overloaded_error","message":"Overloaded"})");

struct Bench : RelayBench {
  explicit Bench(const dialect::Dialect& provider = dialect::anthropic_dialect()) {
    relay.start({.stream = true,
                 .events = dialect::answers_of(provider, dialect::Call::chat).events,
                 .filter = &place.start(io.blocks(), {provider.family, 0, false})});
  }
  dialect::StreamPlace place;
};

}  // namespace

TEST_CASE("nothing leaves before the first useful event, then everything that was held") {
  Bench bench;
  CHECK_FALSE(bench.feed(kStart + kOpen + event("ping")));
  CHECK_FALSE(bench.sink.begun);
  CHECK(bench.feed(text("Hi")));
  CHECK(bench.sink.text().find("\"content\":\"Hi\"") != std::string::npos);
  CHECK(bench.sink.text().find("\"role\":\"assistant\"") != std::string::npos);
}

TEST_CASE("a translated stream is the same however it is cut in two") {
  const std::string stream = kStart + kOpen + text("Hel") + text("lo") + kEnd;
  std::string whole;
  {
    Bench bench;
    bench.feed(stream);
    CHECK(bench.relay.finish());
    whole = bench.sink.text();
    CHECK(whole.ends_with("data: [DONE]\n\n"));
    CHECK(bench.relay.counters().bytes == whole.size());
  }
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Bench bench;
    bench.feed(stream.substr(0, cut));
    const std::string& sofar = bench.sink.text();
    CHECK((sofar.empty() || sofar.ends_with("\n\n")));
    bench.feed(stream.substr(cut));
    REQUIRE(bench.relay.committed());
    CHECK(bench.relay.finish());
    CHECK(bench.sink.finished);
    CHECK(bench.sink.text() == whole);
  }
}

TEST_CASE("a stream that stops in the middle is owed an error, and ends in nothing else") {
  Bench bench;
  bench.feed(kStart + kOpen + text("Hi") + text("cut").substr(0, 30));
  const std::string before = bench.sink.text();
  CHECK_FALSE(bench.relay.finish());
  CHECK(bench.relay.break_off("data: broken\n\n"));
  CHECK(bench.sink.text() == before + "data: broken\n\n");
  CHECK(bench.sink.finished);
}

TEST_CASE("a stream that breaks inside the event that ends it is broken, not refused") {
  const std::string begin =
      "data: "
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
  const std::string stop =
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}";
  for (std::size_t cut = 1; cut <= stop.size(); ++cut) {
    CAPTURE(cut);
    Bench bench(dialect::openai_dialect());
    bench.feed(begin + stop.substr(0, cut));
    CHECK(bench.relay.finish() == (cut == stop.size()));
    CHECK_FALSE(bench.relay.failed());
  }
}

TEST_CASE("a failure before anything useful is kept in the provider's words") {
  Bench bench;
  CHECK_FALSE(bench.feed(kStart + kError));
  CHECK(bench.failures == 1);
  CHECK(bench.relay.failure() == kError);
  CHECK_FALSE(bench.sink.begun);
}

TEST_CASE("a failure behind the commit point reaches the client in its own words, once") {
  for (const bool together : {false, true}) {
    Bench bench;
    if (together) {
      CHECK(bench.feed(kStart + kOpen + text("Hi") + kError + text("late")));
    } else {
      CHECK(bench.feed(kStart + kOpen + text("Hi")));
      bench.feed(kError + text("late"));
    }
    CHECK(bench.relay.failed());
    CHECK(bench.relay.finish_broken());
    const std::string text = bench.sink.text();
    CHECK(text.find("Overloaded") != std::string::npos);
    CHECK(text.find("late") == std::string::npos);
    CHECK(text.find("[DONE]") == std::string::npos);
    CHECK(bench.sink.finished);
  }
}

TEST_CASE("a connection that breaks behind the end harms nothing") {
  Bench bench;
  bench.feed(kStart + kOpen + text("Hi") + kEnd);
  CHECK(bench.relay.finish_broken());
  CHECK(bench.sink.text().ends_with("data: [DONE]\n\n"));
}

TEST_CASE("an event that is too long to be translated is the provider's failure") {
  const std::string endless = "data: {\"type\":\"content_block_delta\",\"x\":\"" +
                              std::string(base::limits::kTranslatedEventBytes, 'x');
  for (const bool committed : {false, true}) {
    Bench bench;
    if (committed) CHECK(bench.feed(kStart + kOpen + text("Hi")));
    bench.feed(endless);
    CHECK(bench.failures == 1);
    CHECK(bench.relay.committed() == committed);
  }
}

}  // namespace headrace::test
