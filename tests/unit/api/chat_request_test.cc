// Goal: the gateway reads the same request as the provider will, and says precisely what is wrong
// with a bad one.
#include "api/chat_request.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

namespace headrace::api {
namespace {

using base::Errc;

struct Parsed {
  explicit Parsed(Bytes body) : result(parse_chat_request(body, scratch, detail)) {}
  std::array<char, kModelScratchBytes> scratch{};
  ErrorDetail detail;
  base::Result<ChatRequest> result;
};

TEST_CASE("a plain request is read, and its model is a view of the body") {
  const Bytes body = R"( {"model": "gpt-4o","messages":[{"role":"user","content":"model"}]})";
  const Parsed parsed(body);
  REQUIRE(parsed.result.ok());
  const ChatRequest& request = parsed.result.value();
  CHECK(request.model == "gpt-4o");
  CHECK(request.model.data() > body.data());
  CHECK(request.model.data() < body.data() + body.size());
  CHECK(request.model_value.text(body) == "\"gpt-4o\"");
  CHECK_FALSE(request.stream);
  CHECK_FALSE(request.wants_usage);
  CHECK(body.substr(0, request.members_begin) == " {");
  CHECK_FALSE(request.stream_options.found());
  CHECK_FALSE(request.headrace.found());
}

TEST_CASE("streaming and usage are recognised, wherever they stand and however they are spelled") {
  const Bytes body =
      R"({"stream_options" : {"include_obfuscation":false , "include_us\u0061ge":true},"stream":true,"model":"m"})";
  const Parsed parsed(body);
  REQUIRE(parsed.result.ok());
  const ChatRequest& request = parsed.result.value();
  CHECK(request.stream);
  CHECK(request.wants_usage);
  CHECK(request.include_usage.text(body) == "true");
  CHECK(body.substr(request.include_usage.key_begin, 5) == "\"incl");
  CHECK(body.substr(request.option_members_begin - 1, 5) == "{\"inc");
  CHECK_FALSE(request.options_empty);
}

TEST_CASE("an empty stream_options object is known as empty") {
  for (const Bytes options : {"{}", "{ \n}"}) {
    const std::string body = "{\"model\":\"m\",\"stream_options\":" + std::string(options) + "}";
    const Parsed parsed(body);
    REQUIRE(parsed.result.ok());
    CHECK(parsed.result.value().options_empty);
    CHECK(body.substr(parsed.result.value().option_members_begin - 1, 1) == "{");
  }
}

TEST_CASE("null and false mean no") {
  const Parsed parsed(R"({"model":"m","stream":null,"stream_options":{"include_usage":false}})");
  REQUIRE(parsed.result.ok());
  CHECK_FALSE(parsed.result.value().stream);
  CHECK_FALSE(parsed.result.value().wants_usage);
  CHECK(Parsed(R"({"model":"m","stream":false,"stream_options":null})").result.ok());
  CHECK(Parsed(R"({"model":"m","stream_options":{"include_usage":null}})").result.ok());
}

TEST_CASE("a model with escapes is compared by what it says") {
  CHECK(Parsed(R"({"model":"gpt\u002d4\/x"})").result.value().model == "gpt-4/x");
  CHECK(Parsed(R"({"model":"a\u0000b"})").result.value().model == Bytes("a\0b", 3));
  CHECK(Parsed(R"({"model":""})").result.value().model.empty());
  CHECK(Parsed(R"({"model":"a\ud800"})").result.value().model == R"(a\ud800)");
}

TEST_CASE("a huge model name is carried along, whether escaped or not") {
  const std::string huge(100000, 'x');
  CHECK(Parsed("{\"model\":\"" + huge + "\"}").result.value().model.size() == huge.size());
  CHECK(Parsed("{\"model\":\"\\n" + huge + "\"}").result.value().model.size() == huge.size() + 2);
}

TEST_CASE("our own extension object is found for removal") {
  const Bytes body = R"({"headrace":{"class":"voice"},"model":"m"})";
  const Parsed parsed(body);
  REQUIRE(parsed.result.ok());
  CHECK(parsed.result.value().headrace.text(body) == R"({"class":"voice"})");
  CHECK(parsed.result.value().headrace.key_begin == 1);
}

TEST_CASE("fields of the wrong shape are refused by name") {
  struct Row {
    Bytes body;
    Bytes param;
  };
  const std::vector<Row> rows = {
      {R"({})", "model"},
      {R"({"messages":[]})", "model"},
      {R"({"model":null})", "model"},
      {R"({"model":7})", "model"},
      {R"({"model":["gpt-4o"]})", "model"},
      {R"({"model":"m","stream":"true"})", "stream"},
      {R"({"model":"m","stream":1})", "stream"},
      {R"({"model":"m","stream_options":true})", "stream_options"},
      {R"({"model":"m","stream_options":{"include_usage":"yes"}})", "stream_options.include_usage"},
      {R"({"model":"m","stream_options":{"include_usage":true,"include_usage":false}})",
       "stream_options.include_usage"},
      {R"({"model":"m","model":"n"})", "model"},
      {R"({"model":"m","mod\u0065l":"n"})", "model"},
      {R"({"stream":true,"model":"m","stream":false})", "stream"},
      {R"({"model":"m","messages":[],"messages":[]})", "messages"},
      {R"({"model":"m","prompt":"","prompt":""})", "prompt"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.body);
    const Parsed parsed(row.body);
    REQUIRE_FALSE(parsed.result.ok());
    CHECK(parsed.result.error() == base::client_error(Errc::bad_field));
    CHECK(parsed.detail.param == row.param);
    CHECK_FALSE(parsed.detail.reason.empty());
  }
}

TEST_CASE("a body that is not one JSON object is refused with the byte at fault") {
  struct Row {
    Bytes body;
    std::uint32_t offset;
  };
  const std::vector<Row> rows = {{"", 0},
                                 {"{\"model\":\"m\"", 12},
                                 {"{\"model\":\"m\"}{}", 13},
                                 {"{\"model\":\"m\",}", 13},
                                 {"[]", 0},
                                 {"{\"model\":\"\xFF\"}", 10}};
  for (const Row& row : rows) {
    CAPTURE(row.body);
    const Parsed parsed(row.body);
    REQUIRE_FALSE(parsed.result.ok());
    CHECK(parsed.result.error() == base::client_error(Errc::bad_json));
    CHECK(parsed.detail.offset == row.offset);
  }
}

TEST_CASE("unknown fields and provider addresses are data, not instructions") {
  CHECK(Parsed(R"({"model":"../../etc","api_base":"http://evil","x":1e99999})").result.ok());
}

}  // namespace
}  // namespace headrace::api
