// Goal: what the builder copies from JSON stays JSON of the same meaning, at any size. Method: each
// way of writing against the text that it must leave, across the growth of its block.
#include "api/json_builder.h"

#include <doctest/doctest.h>

#include <string>

#include "json/scan.h"

namespace headrace::api {
namespace {

struct Built {
  io::BlockPool pool;
  JsonBuilder out{pool};
  std::string text() const { return std::string(out.view()); }
};

TEST_CASE("commas stand between members and never behind a bracket") {
  Built b;
  b.out.raw('{');
  b.out.member("a", "x");
  b.out.key("b");
  b.out.raw('[');
  for (int i = 0; i < 3; ++i) {
    b.out.comma();
    b.out.number(static_cast<std::uint64_t>(i));
  }
  b.out.raw("]}");
  CHECK(b.text() == R"({"a":"x","b":[0,1,2]})");
}

TEST_CASE("plain text becomes the body of a string, whatever bytes it has") {
  Built b;
  b.out.raw('"');
  b.out.text("q\" s\\ n\n t\t z\x01 \xC3\xA9 \xFF");
  b.out.raw('"');
  CHECK(b.text() == "\"q\\\" s\\\\ n\\n t\\t z\\u0001 \xC3\xA9 \xEF\xBF\xBD\"");
  CHECK(json::validate(b.out.view()).ok());
}

TEST_CASE("compact drops the blanks between tokens and none inside strings") {
  Built b;
  b.out.compact("{ \"a b\" : [ 1 ,\n \"c \\\" d\" ] , \"e\\\\\" : { } }");
  CHECK(b.text() == "{\"a b\":[1,\"c \\\" d\"],\"e\\\\\":{}}");
}

TEST_CASE("an embedded document comes back when it is taken out again") {
  const std::string document =
      "{ \"a\" : \"x \\\" y \\\\ \\u00e9 \\n\", \"n\" : 12345678901234567890 }";
  Built inner;
  inner.out.embed(document);
  Built b;
  b.out.unescaped(inner.out.view());
  CHECK(b.text() == "{\"a\":\"x \\\" y \\\\ \\u00e9 \\n\",\"n\":12345678901234567890}");
}

TEST_CASE("escapes become characters, but a lone surrogate stays what it is") {
  Built b;
  b.out.unescaped(R"(\"\\\/\b\f\n\r\t \u00e9 \ud83d\ude00 \ud800 \ude00 \ud800\u0041)");
  CHECK(b.text() == "\"\\/\b\f\n\r\t \xC3\xA9 \xF0\x9F\x98\x80 \\ud800 \\ude00 \\ud800A");
}

TEST_CASE("it grows to any size, is cut, and leaves as a slice") {
  Built b;
  const std::string piece(777, 'x');
  for (int i = 0; i < 200; ++i) b.out.raw(piece);
  CHECK(b.out.size() == 200 * piece.size());
  b.out.cut(1000);
  CHECK(b.text() == std::string(1000, 'x'));
  const io::Slice slice = b.out.take();
  CHECK(slice.size() == 1000);
  CHECK(b.out.size() == 0);
  CHECK(b.pool.blocks_out() == 1);
}

TEST_CASE("a cleared builder writes again without taking another block") {
  Built b;
  b.out.raw(std::string(5000, 'x'));
  const std::size_t blocks = b.pool.blocks_out();
  b.out.clear();
  b.out.raw(std::string(5000, 'y'));
  CHECK(b.pool.blocks_out() == blocks);
  CHECK(b.text() == std::string(5000, 'y'));
}

}  // namespace
}  // namespace headrace::api
