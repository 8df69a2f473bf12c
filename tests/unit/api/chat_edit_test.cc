// Goal: a request of the provider's own dialect differs from the client's in the model, in the
// usage report and in our extensions, and nowhere else. Method: bodies against expected bodies.
#include "api/chat_edit.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace headrace::api {
namespace {

std::string edited(Bytes body, const ChatEdits& wanted = {}) {
  std::array<char, kModelScratchBytes> names;
  ErrorDetail detail;
  const auto request = parse_chat_request(body, names, detail);
  REQUIRE(request.ok());
  std::array<char, kChatEditScratchBytes> scratch;
  json::EditList list(scratch);
  edit_chat_request(body, request.value(), wanted, list);
  REQUIRE(list.ok());
  json::EditList::Pieces room;
  std::string text;
  for (const Bytes piece : list.pieces(body, room)) text += piece;
  CHECK(json::validate(text).ok());
  return text;
}

TEST_CASE("a request that needs nothing goes out as it came") {
  const std::string plain = R"( { "messages":[ ],"model" : "m" , "stream":false} )";
  CHECK(edited(plain) == plain);
  CHECK(edited(plain, {.model = "m"}) == plain);
  const std::string asks = R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})";
  CHECK(edited(asks) == asks);
}

TEST_CASE("the target's model takes the place of the client's, as a JSON string") {
  CHECK(edited(R"({"model": "a","n":1})", {.model = "b/c"}) == R"({"model": "b/c","n":1})");
  CHECK(edited(R"({"model":"a"})", {.model = "\"\\\x01"}) == R"({"model":"\"\\\u0001"})");
  const std::string longest(base::limits::kModelNameBytes, '\x01');
  CHECK(edited(R"({"model":"a"})", {.model = longest}).size() > 6 * longest.size());
}

TEST_CASE("a stream reports its usage, however the client spelt its options") {
  CHECK(edited(R"({"model":"m","stream":true})") ==
        R"({"stream_options":{"include_usage":true},"model":"m","stream":true})");
  CHECK(edited(R"({"model":"m","stream":true,"stream_options":null})") ==
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
  CHECK(edited(R"({"model":"m","stream":true,"stream_options":{ }})") ==
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true }})");
  CHECK(
      edited(R"({"model":"m","stream":true,"stream_options":{"include_obfuscation":false}})") ==
      R"({"model":"m","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}})");
  CHECK(edited(R"({"model":"m","stream":true,"stream_options":{"include_usage":false}})") ==
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
  CHECK(edited(R"({"model":"m","stream":true,"stream_options":{"include_usage": null, "a":1}})") ==
        R"({"model":"m","stream":true,"stream_options":{"include_usage": true, "a":1}})");
  CHECK(edited(R"({"model":"m","stream":true})", {.model = {}, .reports_usage = false}) ==
        R"({"model":"m","stream":true})");
}

TEST_CASE("what is no stream is not asked for a report") {
  for (const Bytes body : {R"({"model":"m"})",
                           R"({"model":"m","stream":null})",
                           R"({"model":"m","stream_options":null})"}) {
    CHECK(edited(body) == body);
  }
}

TEST_CASE("our extensions are stripped wherever they stand") {
  CHECK(edited(R"({"headrace":{"class":"voice"},"model":"m"})") == R"({"model":"m"})");
  CHECK(edited(R"({"model":"m","headrace":{}})") == R"({"model":"m"})");
  CHECK(edited(R"({"model":"m", "x-headrace":1, "x_headrace":[], "h\u0065adrace":2})") ==
        R"({"model":"m"})");
  CHECK(edited(R"({"x-headrace":1,"model":"m","headrace":2,"top_p":1})") ==
        R"({"model":"m","top_p":1})");
  CHECK(edited(R"({"metadata":{"headrace":1},"model":"m"})") ==
        R"({"metadata":{"headrace":1},"model":"m"})");
}

TEST_CASE("all edits of one request go together") {
  CHECK(edited(R"({"headrace":{},"model":"a","x_headrace":0,"stream":true})", {.model = "b"}) ==
        R"({"stream_options":{"include_usage":true},"model":"b","stream":true})");
}

}  // namespace
}  // namespace headrace::api
