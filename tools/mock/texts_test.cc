// Goal: in each dialect every event is one line of valid JSON whatever the model is called, the
// parts of a stream add up to the plain answer, and usage stands where the shape says.
#include <doctest/doctest.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "texts.h"

namespace headrace::mock {
namespace {

namespace dom = simdjson::dom;

constexpr std::array kStreaming = {Call::chat, Call::completions, Call::responses, Call::messages};

struct Events final : EventSink {
  void event(std::string_view text) override { list.emplace_back(text); }
  std::vector<std::string> list;
};

// One answer, from the words that chose it.
struct Scene {
  explicit Scene(Call call, std::string_view words) {
    request.call = call;
    request.model = "odd \"name\"\n\x01";
    request.include_usage = true;
    request.prompt_tokens = 10;
    request.tools.offers = {{"f", R"({"city":"Mühle \"x\""})"}};
    Choice choice;
    REQUIRE(apply_words(words, choice));
    shape = choice.shape;
    plan = Plan(request, shape, 3);
    texts = make_texts({request, shape, plan, 1, 1'700'000'000});
  }

  std::vector<std::string> stream() const {
    base::Prng random(1);
    Events events;
    texts->begin(events);
    for (std::uint64_t i = 0; i < plan.pieces(); ++i) texts->piece(drawn(i, random), events);
    texts->end(events);
    return events.list;
  }
  std::string plain() const {
    base::Prng random(1);
    Whole whole;
    for (std::uint64_t i = 0; i < plan.pieces(); ++i) whole.add(drawn(i, random));
    return texts->plain_body(whole);
  }
  Piece drawn(std::uint64_t number, base::Prng& random) const {
    Piece piece = plan.piece(number);
    if (piece.kind != Piece::Kind::arguments) piece.content = draw_word(random);
    return piece;
  }

  CallRequest request;
  Shape shape;
  Plan plan;
  std::unique_ptr<Texts> texts;
};

std::string_view data_of(std::string_view event) {
  const std::size_t at = event.find("data: ");
  REQUIRE(at != std::string_view::npos);
  return event.substr(at + 6, event.size() - at - 8);
}

// How often it stands in the events.
std::size_t count(const std::vector<std::string>& events, std::string_view part) {
  return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [&](const auto& one) {
    return one.find(part) != std::string::npos;
  }));
}

std::string text_at(dom::element element, std::string_view pointer) {
  std::string_view text;
  return element.at_pointer(pointer).get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

TEST_CASE("every event is one line of valid JSON, and a plain answer is valid JSON") {
  for (const Call call : kStreaming) {
    const Scene scene(call, "thinking=2+redacted+text+tools=2+tokens=64");
    dom::parser parser;
    for (const std::string& event : scene.stream()) {
      CAPTURE(event);
      REQUIRE(event.ends_with("\n\n"));
      const std::string body(data_of(event));
      CHECK(body.find('\n') == std::string::npos);
      if (body != "[DONE]") CHECK(parser.parse(body).error() == simdjson::SUCCESS);
    }
    const std::string plain = scene.plain();
    CAPTURE(plain);
    std::string_view model;
    REQUIRE(parser.parse(plain)["model"].get(model) == simdjson::SUCCESS);
    CHECK(model == scene.request.model);
  }
}

TEST_CASE("an event of Anthropic's or of responses is named in its data too") {
  for (const Call call : {Call::messages, Call::responses}) {
    dom::parser parser;
    for (const std::string& event : Scene(call, "thinking+text+tools").stream()) {
      const std::string name = event.substr(7, event.find('\n') - 7);
      CHECK(event.starts_with("event: "));
      CHECK(text_at(parser.parse(std::string(data_of(event))), "/type") == name);
    }
  }
}

TEST_CASE("the deltas of a stream add up to the plain answer") {
  struct Row {
    Call call;
    std::string_view delta;  // of text, in a stream
    std::string_view plain;
    std::string_view arguments;
    std::string_view plain_arguments;
  };
  for (const Row& row : {Row{Call::chat,
                             "/choices/0/delta/content",
                             "/choices/0/message/content",
                             "/choices/0/delta/tool_calls/0/function/arguments",
                             "/choices/0/message/tool_calls/0/function/arguments"},
                         Row{Call::completions, "/choices/0/text", "/choices/0/text", "", ""},
                         Row{Call::messages, "/delta/text", "/content/1/text", "", ""}}) {
    const Scene scene(row.call, "thinking=1+text+tools=1");
    dom::parser parser;
    std::string text;
    std::string arguments;
    for (const std::string& event : scene.stream()) {
      const std::string body(data_of(event));
      if (body == "[DONE]") continue;
      const dom::element element = parser.parse(body);
      text += text_at(element, row.delta);
      if (!row.arguments.empty()) arguments += text_at(element, row.arguments);
    }
    const dom::element plain = parser.parse(scene.plain());
    CHECK(!text.empty());
    CHECK(text == text_at(plain, row.plain));
    if (!row.arguments.empty()) CHECK(arguments == text_at(plain, row.plain_arguments));
  }
}

TEST_CASE("the last event of responses holds what a plain answer is, and events are numbered") {
  const Scene scene(Call::responses, "thinking+text+tools=2");
  const auto events = scene.stream();
  CHECK(data_of(events.back()).find(scene.plain()) != std::string_view::npos);
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].find("\"sequence_number\":" + std::to_string(i) + ",") != std::string::npos);
  }
}

TEST_CASE("blocks of messages begin, go on and end one after the other, thoughts signed") {
  const auto events = Scene(Call::messages, "thinking=2+redacted+text+tools=2").stream();
  CHECK(count(events, "event: content_block_start") == 5);
  CHECK(count(events, "event: content_block_stop") == 5);
  CHECK(count(events, "signature_delta") == 1);
  CHECK(count(events, "redacted_thinking") == 1);
  CHECK(count(events, R"("partial_json":"")") == 2);
  CHECK(count(events, "event: ping") == 1);
  CHECK(events.front().starts_with("event: message_start\n"));
  CHECK(events[events.size() - 2].find(R"("stop_reason":"tool_use")") != std::string::npos);
  CHECK(events.back().starts_with("event: message_stop\n"));
}

TEST_CASE(
    "OpenAI's usage stands in a chunk of its own, in the last one, in every one, or nowhere") {
  for (const Call call : {Call::chat, Call::completions}) {
    const std::string_view told = R"("usage":{)";
    CHECK(count(Scene(call, "tokens=3").stream(), told) == 1);
    CHECK(count(Scene(call, "usage=none").stream(), "usage") == 0);
    const auto last = Scene(call, "usage=last").stream();
    CHECK(count(last, told) == 1);
    CHECK(last[last.size() - 2].find(R"("finish_reason":"stop"}],"usage":{)") != std::string::npos);
    const auto every = Scene(call, "usage=every+tokens=3").stream();
    CHECK(count(every, told) == every.size() - 1);  // all but [DONE]
    CHECK(count(every, R"("completion_tokens":2,)") == 1);
    CHECK(Scene(call, "usage=none").plain().find("usage") == std::string::npos);
  }
}

TEST_CASE("tokens from caches are part of OpenAI's prompt, and beside Anthropic's") {
  const std::string words = "cached=100+written=20+written-1h=3+reasoning=40+tokens=2";
  const std::string chat = Scene(Call::chat, words).plain();
  CHECK(chat.find(R"("prompt_tokens":133,"completion_tokens":42,"total_tokens":175)") !=
        std::string::npos);
  CHECK(chat.find(R"("cached_tokens":100,"cache_write_tokens":23)") != std::string::npos);
  CHECK(chat.find(R"("reasoning_tokens":40)") != std::string::npos);
  const std::string messages = Scene(Call::messages, words).plain();
  CHECK(messages.find(R"("input_tokens":10,"cache_creation_input_tokens":23,)"
                      R"("cache_read_input_tokens":100)") != std::string::npos);
  CHECK(messages.find(R"("ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":3)") !=
        std::string::npos);
  CHECK(messages.find(R"("output_tokens":42)") != std::string::npos);
  const std::string responses = Scene(Call::responses, words).plain();
  CHECK(responses.find(R"("input_tokens":133)") != std::string::npos);
}

TEST_CASE("a limit ends an answer in the words of its dialect") {
  CHECK(count(Scene(Call::chat, "finish=length").stream(), R"("finish_reason":"length")") == 1);
  CHECK(count(Scene(Call::messages, "finish=length").stream(), R"("stop_reason":"max_tokens")") ==
        1);
  CHECK(count(Scene(Call::messages, "finish=filter").stream(), R"("stop_reason":"refusal")") == 1);
  const auto events = Scene(Call::responses, "finish=length").stream();
  CHECK(events.back().starts_with("event: response.incomplete\n"));
  CHECK(events.back().find(R"("reason":"max_output_tokens")") != std::string::npos);
}

TEST_CASE("every status has an error in both families, of the family's own shape") {
  dom::parser parser;
  for (std::uint16_t status = 400; status < 600; ++status) {
    CAPTURE(status);
    const std::string openai = error_body(Family::openai, error_words(Family::openai, status), "r");
    CHECK(!text_at(parser.parse(openai), "/error/type").empty());
    CHECK(!text_at(parser.parse(openai), "/error/message").empty());
    const std::string anthropic =
        error_body(Family::anthropic, error_words(Family::anthropic, status), "req_1");
    CHECK(text_at(parser.parse(anthropic), "/type") == "error");
    CHECK(!text_at(parser.parse(anthropic), "/error/type").empty());
    CHECK(text_at(parser.parse(anthropic), "/request_id") == "req_1");
  }
  CHECK(error_words(Family::openai, 429).code == "rate_limit_exceeded");
  CHECK(error_words(Family::openai, 429, "insufficient_quota").type == "insufficient_quota");
  CHECK(error_words(Family::anthropic, 529).type == "overloaded_error");
  CHECK(error_words(Family::anthropic, 402).type == "billing_error");
  CHECK(parser.parse(error_body("a \"b\"", "t", "c")).error() == simdjson::SUCCESS);
}

TEST_CASE("an error in a stream is an event of its dialect") {
  for (const Call call : kStreaming) {
    const Scene scene(call, "tokens=1");
    Events events;
    scene.texts->error(error_words(family_of(call), 429), events);
    dom::parser parser;
    const dom::element body = parser.parse(std::string(data_of(events.list[0])));
    const bool nested = call != Call::responses;
    CHECK(!text_at(body, nested ? "/error/message" : "/message").empty());
    if (!nested) CHECK(events.list.back().starts_with("event: response.failed\n"));
    if (call == Call::messages) CHECK(events.list[0].starts_with("event: error\n"));
  }
}

}  // namespace
}  // namespace headrace::mock
