// Goal: a document of any density fits, and reading many takes no more memory than reading one.
// Method: dense and sparse documents one after another through one reader.
#include "api/document.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::api {
namespace {

TEST_CASE("a document with a token at every other byte is read whole") {
  io::BlockPool pool;
  Document document(pool);
  std::string dense = "[1";
  for (int i = 0; i < 50'000; ++i) dense += ",1";
  dense += "]";
  REQUIRE(document.read(dense).ok());
  CHECK(document.root().inner_nodes() == 50'001);
  REQUIRE(document.read(R"({"a":1})").ok());
  CHECK(document.root().member("a").count() == 1);
}

TEST_CASE("one block serves all documents that fit into it") {
  io::BlockPool pool;
  Document document(pool);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(document.read(R"({"a":[1,2,3]})").ok());
    CHECK(pool.blocks_out() == 1);
  }
}

TEST_CASE("brackets that nobody closes find room until they are refused") {
  io::BlockPool pool;
  for (const std::size_t blanks : {std::size_t{0}, std::size_t{5000}}) {
    Document document(pool);
    const std::string text = std::string(blanks, ' ') + std::string(2000, '[');
    CHECK(static_cast<int>(document.read(text).fault) == static_cast<int>(json::Fault::depth));
  }
}

TEST_CASE("a fault is told with its place") {
  io::BlockPool pool;
  Document document(pool);
  const json::ScanResult result = document.read("[1,}");
  CHECK(static_cast<int>(result.fault) == static_cast<int>(json::Fault::syntax));
  CHECK(result.offset == 3);
}

}  // namespace
}  // namespace headrace::api
