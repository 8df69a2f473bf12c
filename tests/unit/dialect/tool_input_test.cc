// Goal: arguments become the object that they hold, digit by digit, or nothing at all. Method:
// arguments as models write them, well and badly.
#include "dialect/tool_input.h"

#include <doctest/doctest.h>

#include <string>

#include "api/document.h"

namespace headrace::dialect {
namespace {

// "-" where it is refused.
std::string input(const std::string& arguments) {
  io::BlockPool pool;
  api::Document document(pool);
  REQUIRE(document.read(arguments).ok());
  api::JsonBuilder out(pool);
  if (write_tool_input(document.root(), out)) return std::string(out.view());
  CHECK(out.size() == 0);
  return "-";
}

TEST_CASE("a string gives the object in it, unchanged") {
  CHECK(input(R"("{\"a\":1e400,\"b\":\"x\\\"y\"}")") == R"({"a":1e400,"b":"x\"y"})");
  CHECK(input(R"("{\"a\":\"\\u00e9\"}")") == R"({"a":"\u00e9"})");
}

TEST_CASE("nothing is an empty object") {
  CHECK(input(R"("")") == "{}");
  CHECK(input(R"(" \n")") == "{}");
  CHECK(input(R"("null")") == "{}");
  CHECK(input("null") == "{}");
  CHECK(input("{ }") == "{}");
}

TEST_CASE("anything else is refused") {
  CHECK(input(R"("{\"a\":")") == "-");
  CHECK(input(R"("[1]")") == "-");
  CHECK(input(R"("1")") == "-");
  CHECK(input(R"("{} {}")") == "-");
  CHECK(input("5") == "-");
  CHECK(input("[]") == "-");
  CHECK(input(R"("{\"a\":\"\n\"}")") == "-");
}

}  // namespace
}  // namespace headrace::dialect
