// Goal: a list of words means what the help says, wherever it stands, and a list with an unknown
// word is refused whole; a plan has the pieces that request and shape ask for.
#include <doctest/doctest.h>

#include <string>

#include "plan.h"
#include "shape.h"

namespace headrace::mock {
namespace {

using Kind = Piece::Kind;

Choice chosen(std::string_view words) {
  Choice choice;
  CAPTURE(words);
  REQUIRE(apply_words(words, choice));
  return choice;
}

CallRequest calling_request(Call call = Call::chat) {
  CallRequest request;
  request.call = call;
  request.tools.offers = {{"first", R"({"city":"Mühle 水 Mühle"})"}, {"second", "{}"}};
  return request;
}

std::string arguments_of(const Plan& plan, std::size_t call) {
  std::string text;
  for (std::uint64_t i = 0; i < plan.pieces(); ++i) {
    const Piece piece = plan.piece(i);
    if (piece.kind == Kind::arguments && piece.call == call) text += piece.content;
  }
  return text;
}

TEST_CASE("every word of the help means what it says") {
  CHECK(chosen("tools").shape.calls == 1);
  CHECK(chosen("tools=3+pieces=5+text").shape == Shape{.calls = 3, .pieces = 5, .text = true});
  CHECK(chosen("thinking+redacted").shape == Shape{.thoughts = 4, .redacted = true});
  CHECK(chosen("tokens=2+ttft=1s+itl=5ms").shape ==
        Shape{.tokens = 2, .ttft = 1'000'000'000, .itl = 5'000'000});
  CHECK(chosen("input=7+cached=1+written=2+written-1h=3+reasoning=4").shape ==
        Shape{.input = 7, .cached = 1, .written = 2, .written_1h = 3, .reasoning = 4});
  CHECK(chosen("cached").shape.cached == 1024);
  CHECK(chosen("usage=none").shape.usage == Shape::Usage::none);
  CHECK(chosen("usage=last").shape.usage == Shape::Usage::last);
  CHECK(chosen("usage=every").shape.usage == Shape::Usage::every);
  CHECK(chosen("finish=length").shape.finish == Shape::Finish::length);
  CHECK(chosen("finish=filter").shape.finish == Shape::Finish::filter);
}

TEST_CASE("a fault is a word among others, and the last one counts") {
  const Choice choice = chosen("tools=2 + stall@tok=3,for=1s  error-503");
  CHECK(choice.shape.calls == 2);
  CHECK(choice.fault->status == 503);
  CHECK(!chosen("tools").fault);
  CHECK(chosen("http=429, retry-after-ms=250 tools").fault->retry_after_ms == 250);
}

TEST_CASE("a list with a word that is in no table is refused") {
  for (const char* words : {"",
                            " + ",
                            "tool",
                            "tools=0",
                            "tools=17",
                            "tools=x",
                            "pieces",
                            "tools+nonsense",
                            "usage=some",
                            "usage",
                            "finish=stop",
                            "ttft=5",
                            "text=1"}) {
    CAPTURE(words);
    Choice choice;
    CHECK(!apply_words(words, choice));
  }
}

TEST_CASE("a model chooses at its start or behind a slash or a plus, and nowhere else") {
  CHECK(words_in_model("mock:tools=2") == "tools=2");
  CHECK(words_in_model("mock-error-429") == "error-429");
  CHECK(words_in_model("mock:") == "");
  CHECK(words_in_model("claude-sonnet-4-5+mock:thinking") == "thinking");
  CHECK(words_in_model("local/mock-tools") == "tools");
  CHECK(words_in_model("hammock/mock:tools") == "tools");
  for (const char* model : {"mock", "mocks", "hammock-tools", "a-mock-tools", "gpt-5", ""}) {
    CAPTURE(model);
    CHECK(!words_in_model(model).has_value());
  }
}

TEST_CASE("a prompt chooses in brackets that are closed soon") {
  CHECK(words_in_prompt(R"({"content":"Hello [mock: tools=2+text ] there"})") == "tools=2+text");
  CHECK(words_in_prompt("[mock: tools").empty());
  CHECK(words_in_prompt("[mock: " + std::string(300, 'a') + "]").empty());
  CHECK(words_in_prompt("mock: tools").empty());
}

TEST_CASE("calls are planned where tools are offered, and take turns among them") {
  const Plan plan(calling_request(), chosen("tools=3+pieces=7").shape, 5);
  REQUIRE(plan.calls().size() == 3);
  CHECK(plan.calls()[2].name == "first");
  CHECK(plan.end() == Plan::End::calls);
  CHECK(plan.pieces() == 7 + 2 + 7);  // `{}` is no longer than two pieces
  for (std::size_t call = 0; call < 3; ++call) {
    CHECK(arguments_of(plan, call) == plan.calls()[call].arguments);
  }
}

TEST_CASE("no piece of arguments ends inside a character") {
  for (std::uint64_t pieces = 1; pieces < 30; ++pieces) {
    Shape shape;
    shape.calls = 1;
    shape.pieces = pieces;
    const Plan plan(calling_request(), shape, 1);
    for (std::uint64_t i = 0; i < plan.pieces(); ++i) {
      const std::string_view content = plan.piece(i).content;
      const bool begins_inside =
          !content.empty() && (static_cast<unsigned char>(content.front()) & 0xC0) == 0x80;
      CHECK(!begins_inside);
    }
    CHECK(arguments_of(plan, 0) == plan.calls()[0].arguments);
  }
}

TEST_CASE("nothing is called unasked, without tools, behind results, or by completions") {
  CallRequest request = calling_request();
  CHECK(Plan(request, {}, 5).calls().empty());
  CHECK(Plan(CallRequest{}, chosen("tools").shape, 5).calls().empty());
  CHECK(Plan(calling_request(Call::completions), chosen("tools").shape, 5).calls().empty());
  request.has_tool_results = true;
  CHECK(Plan(request, chosen("tools").shape, 5).pieces() == 5);
}

TEST_CASE("a request that must call, or may call one tool only, has its way") {
  CallRequest request = calling_request();
  request.tools.must_call = true;
  CHECK(Plan(request, {}, 5).calls().size() == 1);
  request.tools.one_only = true;
  CHECK(Plan(request, chosen("tools=4").shape, 5).calls().size() == 1);
}

TEST_CASE("thoughts come first, then text, then arguments; the client's limit cuts them all") {
  CallRequest request = calling_request(Call::messages);
  const Shape shape = chosen("thinking=2+text+tokens=3+tools+pieces=4").shape;
  const Plan plan(request, shape, 50);
  REQUIRE(plan.pieces() == 9);
  CHECK(plan.piece(1).kind == Kind::thought);
  CHECK(plan.piece(2).kind == Kind::text);
  CHECK(plan.piece(5).kind == Kind::arguments);
  request.max_tokens = 6;
  const Plan cut(request, shape, 50);
  CHECK(cut.pieces() == 6);
  CHECK(cut.end() == Plan::End::length);
  request.max_tokens = 9;
  CHECK(Plan(request, shape, 50).end() == Plan::End::calls);
}

}  // namespace
}  // namespace headrace::mock
