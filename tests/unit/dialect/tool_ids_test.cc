// Goal: ids fit their target, are the same in call and result, and two never become one. Method:
// requests with ids of every kind.
#include "dialect/tool_ids.h"

#include <doctest/doctest.h>

#include <string>

#include "api/document.h"

namespace headrace::dialect {
namespace {

struct Request {
  explicit Request(std::string body) : text(std::move(body)) { REQUIRE(document.read(text).ok()); }
  json::Value messages() const { return document.root(); }

  std::string text;
  io::BlockPool pool;
  api::Document document{pool};
};

std::string written(io::BlockPool& pool, AnthropicToolIds& ids, const std::string& quoted) {
  api::Document document(pool);
  REQUIRE(document.read(quoted).ok());
  api::JsonBuilder out(pool);
  ids.write(document.root(), out);
  return std::string(out.view());
}

TEST_CASE("an id that fits is left alone and one that does not gets other characters") {
  Request request(R"([{"tool_calls":[{"id":"get time/1"}]}])");
  AnthropicToolIds ids(request.pool, request.messages());
  CHECK(written(request.pool, ids, "\"toolu_01-A\"") == "toolu_01-A");
  CHECK(written(request.pool, ids, "\"get time/1\"") == "get_time_1");
  CHECK(written(request.pool, ids, "\"get time\\/1\"") == "get_time_1");
}

TEST_CASE("two ids that would become one become digests, each the same every time") {
  Request request(R"([{"tool_calls":[{"id":"a b"},{"id":"a/b"},{"id":"a_b"},{"id":"c.d"}]}])");
  AnthropicToolIds ids(request.pool, request.messages());
  const std::string first = written(request.pool, ids, "\"a b\"");
  const std::string second = written(request.pool, ids, "\"a/b\"");
  CHECK(first.size() == 24);
  CHECK(first != second);
  CHECK(first == written(request.pool, ids, "\"a b\""));
  CHECK(written(request.pool, ids, "\"c.d\"") == "c_d");
  CHECK(first.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
        std::string::npos);
}

TEST_CASE("a call that is made twice under one id collides with nobody") {
  Request request(R"([{"tool_calls":[{"id":"a b"}]},{"tool_calls":[{"id":"a b"},{"id":""},{}]}])");
  AnthropicToolIds ids(request.pool, request.messages());
  CHECK(written(request.pool, ids, "\"a b\"") == "a_b");
}

TEST_CASE("towards OpenAI only the length counts") {
  io::BlockPool pool;
  api::Document document(pool);
  api::JsonBuilder out(pool);
  const std::string fits = "\"" + std::string(40, 'x') + "\"";
  REQUIRE(document.read(fits).ok());
  write_openai_tool_id(document.root(), out);
  CHECK(out.size() == 40);
  out.clear();
  const std::string too_long = "\"" + std::string(41, 'x') + "\"";
  REQUIRE(document.read(too_long).ok());
  write_openai_tool_id(document.root(), out);
  CHECK(out.size() == 24);
}

}  // namespace
}  // namespace headrace::dialect
