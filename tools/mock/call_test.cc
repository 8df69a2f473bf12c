// Goal: requests of all calls are read as their providers read them, and a request that a provider
// would refuse says what it lacks; arguments of tools fit their schemas.
#include <doctest/doctest.h>
#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <string>

#include "call.h"
#include "embeddings.h"

namespace headrace::mock {
namespace {

CallRequest parsed(Call call, std::string_view body) {
  std::string_view why;
  CAPTURE(body);
  auto request = parse_call(call, body, why);
  CAPTURE(why);
  REQUIRE(request.has_value());
  return *request;
}

std::string refused(Call call, std::string_view body) {
  std::string_view why;
  CHECK(!parse_call(call, body, why).has_value());
  return std::string(why);
}

TEST_CASE("a body that is no request says what it lacks") {
  CHECK(refused(Call::chat, "[]") == "the body is not a JSON object");
  CHECK(refused(Call::chat, R"({"messages":[1]})") == "`model` must be a string");
  CHECK(refused(Call::chat, R"({"model":"m","messages":[]})") ==
        "`messages` must be a list that is not empty");
  CHECK(refused(Call::completions, R"({"model":"m"})") == "`prompt` must be a string or a list");
  CHECK(refused(Call::embeddings, R"({"model":"m","input":[]})").starts_with("`input`"));
  CHECK(refused(Call::embeddings, R"({"model":"m","input":[{}]})").starts_with("`input`"));
  CHECK(refused(Call::embeddings, R"({"model":"m","input":"a","dimensions":0})")
            .starts_with("`dimensions`"));
  CHECK(refused(Call::embeddings, R"({"model":"m","input":"a","encoding_format":"x"})")
            .starts_with("`encoding_format`"));
  CHECK(refused(Call::responses, R"({"model":"m","input":[]})").starts_with("`input`"));
  CHECK(refused(Call::messages, R"({"messages":[1],"max_tokens":1})") == "model: Field required");
  CHECK(refused(Call::messages, R"({"model":"m","max_tokens":1})") == "messages: Field required");
  CHECK(refused(Call::messages, R"({"model":"m","messages":[1]})") == "max_tokens: Field required");
}

TEST_CASE("counting tokens needs no limit of tokens, and never streams") {
  CHECK(!parsed(Call::count_tokens, R"({"model":"m","messages":[1],"stream":true})").stream);
}

TEST_CASE("limits of tokens have another name in each call") {
  CHECK(
      parsed(Call::chat, R"({"model":"m","messages":[1],"max_completion_tokens":8,"max_tokens":9})")
          .max_tokens == 8);
  CHECK(parsed(Call::completions, R"({"model":"m","prompt":"a","max_tokens":3})").max_tokens == 3);
  CHECK(parsed(Call::responses, R"({"model":"m","input":"a","max_output_tokens":4})").max_tokens ==
        4);
  CHECK(parsed(Call::messages, R"({"model":"m","messages":[1],"max_tokens":5})").max_tokens == 5);
}

TEST_CASE("a chat request is read with its stream options") {
  const CallRequest request = parsed(
      Call::chat,
      R"({"model":"m","messages":[1],"stream":true,"stream_options":{"include_usage":true}})");
  CHECK(request.stream);
  CHECK(request.include_usage);
}

TEST_CASE("results of tools at the end are seen in each dialect") {
  CHECK(parsed(Call::chat, R"({"model":"m","messages":[{"role":"user"},{"role":"tool"}]})")
            .has_tool_results);
  CHECK(!parsed(Call::chat, R"({"model":"m","messages":[{"role":"tool"},{"role":"user"}]})")
             .has_tool_results);
  CHECK(parsed(Call::responses, R"({"model":"m","input":[{"type":"function_call_output"}]})")
            .has_tool_results);
  CHECK(parsed(Call::messages,
               R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":)"
               R"([{"type":"tool_result","tool_use_id":"a"},{"type":"text","text":"b"}]}]})")
            .has_tool_results);
}

TEST_CASE("tools are read in each of their shapes, with arguments that fit their schemas") {
  const std::string schema =
      R"({"type":"object","properties":{"s":{"type":"string"},"e":{"enum":["x","y"]},)"
      R"("c":{"const":4},"i":{"type":["integer","null"]},"b":{"type":"boolean"},)"
      R"("l":{"type":"array","items":{"type":"number"}},"o":{"type":"object","properties":)"
      R"({"n":{"anyOf":[{"type":"null"}]}}}}})";
  const std::string expected =
      R"({"s":"water \"and\" stone","e":"x","c":4,"i":7,"b":true,"l":[1.5],"o":{"n":null}})";
  const std::string chat = R"({"model":"m","messages":[1],"tools":[{"type":"function","function":)"
                           R"({"name":"f","parameters":)" +
                           schema + "}}]}";
  const std::string responses =
      R"({"model":"m","input":"a","tools":[{"type":"web_search"},{"type":"function","name":"f",)"
      R"("parameters":)" +
      schema + "}]}";
  const std::string messages =
      R"({"model":"m","max_tokens":1,"messages":[1],"tools":[{"name":"f","input_schema":)" +
      schema + R"(},{"type":"web_search_20260318","name":"web_search"}]})";
  for (const auto& [call, body] : {std::pair(Call::chat, chat),
                                   std::pair(Call::responses, responses),
                                   std::pair(Call::messages, messages)}) {
    const ToolOffers tools = parsed(call, body).tools;
    REQUIRE(tools.offers.size() == 1);
    CHECK(tools.offers[0].name == "f");
    CHECK(tools.offers[0].arguments == expected);
    CHECK(!tools.must_call);
  }
}

TEST_CASE("a schema that nests without end is cut off") {
  std::string schema = R"({"type":"object"})";
  for (int i = 0; i < 50; ++i) {
    schema.insert(0, R"({"type":"object","properties":{"a":)").append("}}");
  }
  const std::string body =
      R"({"model":"m","input":"a","tools":[{"type":"function","name":"f","parameters":)" + schema +
      "}]}";
  CHECK(parsed(Call::responses, body).tools.offers[0].arguments.size() < 64);
}

TEST_CASE("a choice of tools forbids, forces or picks") {
  const auto read = [](std::string_view more) {
    return parsed(Call::chat,
                  R"({"model":"m","messages":[1],"tools":[{"name":"f"},{"name":"g"}],)" +
                      std::string(more) + "}")
        .tools;
  };
  CHECK(read(R"("tool_choice":"none")").offers.empty());
  CHECK(read(R"("tool_choice":"required")").must_call);
  CHECK(read(R"("tool_choice":{"type":"any","disable_parallel_tool_use":true})").one_only);
  CHECK(read(R"("parallel_tool_calls":false)").one_only);
  for (const char* named : {R"("tool_choice":{"type":"function","function":{"name":"g"}})",
                            R"("tool_choice":{"type":"function","name":"g"})",
                            R"("tool_choice":{"type":"tool","name":"g"})"}) {
    CAPTURE(named);
    const ToolOffers tools = read(named);
    REQUIRE(tools.offers.size() == 1);
    CHECK(tools.offers[0].name == "g");
    CHECK(tools.must_call);
  }
}

TEST_CASE("every form of input is counted as its provider counts it") {
  const auto inputs = [](std::string_view input) {
    return parsed(Call::embeddings, R"({"model":"m","input":)" + std::string(input) + "}")
        .embedded.size();
  };
  CHECK(inputs(R"("a")") == 1);
  CHECK(inputs(R"(["a","b","c"])") == 3);
  CHECK(inputs("[1,2,3]") == 1);
  CHECK(inputs("[[1,2],[3]]") == 2);
}

TEST_CASE("a vector has length 1, is the same for the same input, and the same in base64") {
  const auto values = embedding_of(42, 7);
  REQUIRE(values.size() == 7);
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  CHECK(std::sqrt(squares) == doctest::Approx(1));
  CHECK(values == embedding_of(42, 7));
  CHECK(values != embedding_of(43, 7));
  CHECK(base64_of({1.0F}) == "AACAPw==");
  CHECK(base64_of({1.0F, -2.0F}) == "AACAPwAAAMA=");
  CHECK(base64_of({1.0F, -2.0F, 0.0F}) == "AACAPwAAAMAAAAAA");
}

}  // namespace
}  // namespace headrace::mock
