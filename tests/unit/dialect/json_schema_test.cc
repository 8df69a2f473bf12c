// Goal: a schema keeps its meaning as far as the target understands it. Method: schemas with each
// keyword that matters, at the places where it is a keyword and where it is a name or data.
#include "dialect/json_schema.h"

#include <doctest/doctest.h>

#include <string>

#include "api/document.h"

namespace headrace::dialect {
namespace {

std::string closed(const std::string& schema) {
  io::BlockPool pool;
  api::Document document(pool);
  REQUIRE(document.read(schema).ok());
  api::JsonBuilder out(pool);
  write_closed_schema(document.root(), out);
  return std::string(out.view());
}

bool strict(const std::string& schema) {
  io::BlockPool pool;
  api::Document document(pool);
  REQUIRE(document.read(schema).ok());
  return is_strict_schema(document.root());
}

TEST_CASE("keywords that bound values are gone, properties of the same name are not") {
  CHECK(closed(R"({"type":"string","minLength":1,"pattern":"^a"})") == R"({"type":"string"})");
  CHECK(closed(R"({"properties":{"pattern":{"minimum":1,"type":"number"}}})") ==
        R"({"properties":{"pattern":{"type":"number"}},"additionalProperties":false})");
  CHECK(closed(R"({"enum":[{"minimum":1}],"default":{"pattern":"x"}})") ==
        R"({"enum":[{"minimum":1}],"default":{"pattern":"x"}})");
  CHECK(closed(R"({"type":"array","minItems":1})") == R"({"type":"array","minItems":1})");
  CHECK(closed(R"({"type":"array","minItems":2})") == R"({"type":"array"})");
}

TEST_CASE("every object is closed, however deep and however it was before") {
  CHECK(closed(R"({"anyOf":[{"type":["object","null"],"additionalProperties":true},true]})") ==
        R"({"anyOf":[{"type":["object","null"],"additionalProperties":false},true]})");
  CHECK(closed(R"({"$defs":{"a":{"type":"object"}}})") ==
        R"({"$defs":{"a":{"type":"object","additionalProperties":false}}})");
}

TEST_CASE("a schema is strict when all its objects are closed and require everything") {
  CHECK(strict(
      R"({"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false})"));
  CHECK_FALSE(strict(R"({"type":"object","properties":{"a":{}},"additionalProperties":false})"));
  CHECK_FALSE(strict(R"({"type":"object","properties":{"a":{}},"required":["a"]})"));
  CHECK_FALSE(strict(R"({"type":"array","items":{"type":"object"}})"));
  CHECK_FALSE(strict(R"({"$defs":{"b":{"type":"object"}}})"));
  CHECK_FALSE(strict(R"({"anyOf":[{"type":"object"}]})"));
  CHECK(strict(R"({"type":"string"})"));
}

TEST_CASE("an object with more properties than anyone compares is not strict") {
  const auto schema = [](int count) {
    std::string properties;
    std::string required;
    for (int i = 0; i < count; ++i) {
      const std::string name = "\"p" + std::to_string(i) + "\"";
      properties += (i == 0 ? "" : ",") + name + ":{}";
      required += (i == 0 ? "" : ",") + name;
    }
    return "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" + properties +
           "},\"required\":[" + required + "]}";
  };
  CHECK(strict(schema(256)));
  CHECK_FALSE(strict(schema(257)));
}

}  // namespace
}  // namespace headrace::dialect
