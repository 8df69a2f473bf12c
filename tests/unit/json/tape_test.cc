// Goal: the tape judges documents exactly as the scanner does and gives every value as it was
// written. Method: documents of every fault against json::validate, then lookups whose answers can
// be seen in the document.
#include "json/tape.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace headrace::json {
namespace {

// The tape has exactly the room that every document must fit into.
struct Read {
  explicit Read(Bytes text, Utf8 utf8 = Utf8::check)
      : nodes(nodes_max(text.size())), result(write_tape(text, nodes, utf8)), document(text) {}
  Value root() const { return {document.data(), nodes.data()}; }

  std::vector<Node> nodes;
  TapeResult result;
  Bytes document;
};

TEST_CASE("a tape finds the fault that the scanner finds, at the same byte") {
  const std::string deep(kDepth, '[');
  const std::string deepest = deep + std::string(kDepth, ']');
  const std::string too_deep = "[" + deepest + "]";
  const std::vector<std::string> texts = {"",
                                          " ",
                                          "{}",
                                          "[]",
                                          "[1,2.5e-3,-0,true,false,null,\"\"]",
                                          "{\"a\":{\"b\":[{}]},\"c\":[]}",
                                          "[1,]",
                                          "[,1]",
                                          "{\"a\"}",
                                          "{\"a\":}",
                                          "{a:1}",
                                          "{\"a\":1,}",
                                          "[01]",
                                          "[1.]",
                                          "[1e]",
                                          "[-]",
                                          "[tru]",
                                          "[\"\\x\"]",
                                          "[\"\\u12g4\"]",
                                          "[\"\n\"]",
                                          "\"open",
                                          "{} x",
                                          "[1}",
                                          "{\"a\":1]",
                                          "[\"\xFF\"]",
                                          "[\"\xC3\xA9\"]",
                                          deep,
                                          deepest,
                                          too_deep};
  for (const std::string& text : texts) {
    CAPTURE(text);
    const ScanResult scan = validate(text);
    const Read read(text);
    REQUIRE_FALSE(read.result.full);
    CHECK(static_cast<int>(read.result.scan.fault) == static_cast<int>(scan.fault));
    CHECK(read.result.scan.offset == scan.offset);
  }
}

TEST_CASE("a tape that is too short says so, and nodes_max is never too short") {
  const std::string text = "[1,1,1,1,1,1,1,1,1,1]";
  std::array<Node, 3> few;
  CHECK(write_tape(text, few).full);
  CHECK(Read(text).result.nodes == 11);
  const std::string nested = "[[[[[[]]]]]]";
  CHECK(Read(nested).result.nodes == 6);
}

TEST_CASE("values are found by name and keep their spelling") {
  const Read read(R"( {"a" : 1e400, "b":{"c":"x\"y","d":[ 1 , "two",{} ]}, "n":null, "t":true})");
  REQUIRE(read.result.ok());
  const Value root = read.root();
  CHECK(root.member("a").raw() == "1e400");
  CHECK_FALSE(root.member("a").count());
  CHECK(root.member("b").member("c").body() == "x\\\"y");
  CHECK(root.member("b").member("c").reads("x\"y"));
  CHECK(root.member("b").member("d").raw() == "[ 1 , \"two\",{} ]");
  CHECK(root.member("n").is(Type::null));
  CHECK_FALSE(root.member("n").given());
  CHECK(root.member("t").is_true());
  CHECK_FALSE(root.member("missing").found());
  CHECK_FALSE(root.member("a").member("b").member("c").found());
}

TEST_CASE("an escaped key is the key it spells, and of two the last one counts") {
  const Read read(R"({"m\u006fdel":1,"model":2,"mode\u006c":3})");
  REQUIRE(read.result.ok());
  CHECK(read.root().member("model").count() == 3);
}

TEST_CASE("elements and members are walked in order, steps over insides included") {
  const Read read(R"([[1,[2]],{"k":[3],"l":"m"},"s"])");
  REQUIRE(read.result.ok());
  std::string seen;
  Elements elements(read.root());
  Value value;
  while (elements.next(value)) seen += std::string(value.raw()) + ";";
  CHECK(seen == R"([1,[2]];{"k":[3],"l":"m"};"s";)");

  Elements again(read.root());
  REQUIRE(again.next(value));
  REQUIRE(again.next(value));
  CHECK(value.inner_nodes() == 5);
  seen.clear();
  Members members(value);
  Value key;
  while (members.next(key, value)) seen += std::string(key.body()) + std::string(value.raw());
  CHECK(seen == R"(k[3]l"m")");
}

TEST_CASE("what is no container has neither elements nor members") {
  const Read read("5");
  REQUIRE(read.result.ok());
  Value value;
  Value key;
  CHECK(Elements(read.root()).empty());
  CHECK_FALSE(Members(read.root()).next(key, value));
  CHECK_FALSE(Elements(Value()).next(value));
  CHECK(read.root().count() == 5);
}

TEST_CASE("UTF-8 is only judged where it is asked for") {
  CHECK(Read("[\"\xFF\"]", Utf8::trust).result.ok());
  CHECK_FALSE(Read("[\"\xFF\"]", Utf8::check).result.ok());
}

TEST_CASE("a count is a number of digits alone that is not too large") {
  const Read read(R"([0,7,1234567890123456789,18446744073709551615,18446744073709551616,)"
                  R"(99999999999999999999999,-1,1.0,1e3,"12",null,[],{}])");
  Elements elements(read.root());
  Value value;
  for (const std::optional<std::uint64_t> expected :
       {std::optional<std::uint64_t>(0),
        std::optional<std::uint64_t>(7),
        std::optional<std::uint64_t>(1234567890123456789),
        std::optional<std::uint64_t>(UINT64_MAX)}) {
    REQUIRE(elements.next(value));
    CHECK(value.count() == expected);
  }
  while (elements.next(value)) {
    CAPTURE(value.raw());
    CHECK_FALSE(value.count().has_value());
  }
  CHECK_FALSE(Value().count().has_value());
}

// -- a member that is taped on the way

struct Taped {
  explicit Taped(Bytes document, std::size_t room = 16, Utf8 utf8 = Utf8::check) : nodes(room) {
    static constexpr Names kKeys(std::array<Bytes, 2>{"a", "usage"});
    scan = scan_object_taping(document, kKeys, found, 1, nodes, utf8);
    plain = scan_object(document, kKeys, plain_found, utf8);
    CHECK(scan.scan.fault == plain.fault);
    CHECK(scan.scan.offset == plain.offset);
    usage = scan.taped ? Value(document.data(), nodes.data()) : Value();
  }
  std::vector<Node> nodes;
  std::array<FoundValue, 2> found;
  std::array<FoundValue, 2> plain_found;
  TapedScan scan;
  ScanResult plain;
  Value usage;
};

TEST_CASE("a scan writes the value of one member to a tape on the way") {
  const Bytes document =
      R"( {"b":[{}],"usage" : {"x":[1,{"y":2}],"z":"t\n"} ,"a":3,"c":{"usage":4}} )";
  const Taped taped(document);
  REQUIRE(taped.scan.scan.ok());
  REQUIRE(taped.scan.taped);
  CHECK(taped.usage.raw() == taped.found[1].text(document));
  CHECK(taped.usage.member("z").reads("t\n"));
  CHECK(taped.usage.inner_nodes() == 8);
  CHECK(taped.found[0].text(document) == "3");
}

TEST_CASE("a value that does not fit the tape is judged and found all the same") {
  const Taped fits(R"({"usage":[1,2],"a":1})", 3);
  CHECK(fits.scan.taped);
  for (const std::size_t room : {0u, 1u, 2u}) {
    const Taped cut(R"({"usage":[1,2],"a":1})", room);
    CHECK(cut.scan.scan.ok());
    CHECK_FALSE(cut.scan.taped);
    CHECK(cut.found[1].type == Type::array);
    CHECK(cut.found[0].found());
    CHECK(Taped(R"({"usage":[1,2},"a":1})", room).scan.scan.fault == Fault::syntax);
  }
}

TEST_CASE("of several members of the name the last one is taped") {
  const Taped taped(R"({"usage":{"x":1},"usage":{"x":2}})");
  CHECK(taped.scan.scan.fault == Fault::duplicate_key);
  CHECK(taped.usage.member("x").raw() == "2");
  CHECK_FALSE(Taped(R"({"usage":1,"usage":[1,2,3]})", 2).scan.taped);
}

TEST_CASE("faults of a taped value are those of the scan") {
  const std::string deep(kDepth - 1, '[');
  for (const std::string& text : {std::string(R"({"usage":{"x":1,}})"),
                                  std::string(R"({"usage":{"x":01}})"),
                                  std::string(R"({"usage":{"x":"\q"}})"),
                                  std::string(R"({"usage":[1}})"),
                                  std::string(R"({"usage":)"),
                                  std::string(R"({"usage":[)"),
                                  std::string("{\"usage\":[\"\xFF\"]}"),
                                  "{\"usage\":" + deep + std::string(kDepth - 1, ']') + "}",
                                  "{\"usage\":[" + deep + std::string(kDepth, ']') + "}"}) {
    CAPTURE(text);
    const Taped taped(text, 200);
  }
  CHECK_FALSE(Taped(R"({"a":1})").scan.taped);
}

}  // namespace
}  // namespace headrace::json
