// Goal: tools and the choice among them mean the same on the other side. Method: each form of
// tool_choice with one tool.
#include "dialect/openai_to_anthropic_tools.h"

#include <doctest/doctest.h>

#include "translated.h"

namespace headrace::dialect {
namespace {

using test::claude_request;
using test::has;

std::string with_choice(const std::string& choice) {
  return claude_request(R"(,"tools":[{"type":"function","function":{"name":"f"}}])" + choice);
}

TEST_CASE("each form of choice has its word") {
  CHECK(has(with_choice(R"(,"tool_choice":"auto")"), R"("tool_choice":{"type":"auto"})"));
  CHECK(has(with_choice(R"(,"tool_choice":"required")"), R"("tool_choice":{"type":"any"})"));
  CHECK(has(with_choice(R"(,"tool_choice":"none")"), R"("tool_choice":{"type":"none"})"));
  CHECK(has(with_choice(R"(,"tool_choice":{"type":"function","function":{"name":"f"}})"),
            R"("tool_choice":{"type":"tool","name":"f"})"));
  CHECK_FALSE(has(with_choice(""), "tool_choice"));
}

TEST_CASE("one call at a time is part of the choice, except where none is allowed") {
  CHECK(has(with_choice(R"(,"parallel_tool_calls":false)"),
            R"("tool_choice":{"type":"auto","disable_parallel_tool_use":true})"));
  CHECK(has(with_choice(R"(,"parallel_tool_calls":false,"tool_choice":"none")"),
            R"("tool_choice":{"type":"none"})"));
}

TEST_CASE("a choice without tools is no choice") {
  CHECK_FALSE(has(claude_request(R"(,"tool_choice":"required")"), "tool_choice"));
  CHECK_FALSE(has(claude_request(R"(,"tools":[],"parallel_tool_calls":false)"), "tool"));
}

TEST_CASE("a tool of another kind or without a name is refused") {
  CHECK(has(claude_request(R"(,"tools":[{"type":"custom","custom":{"name":"f"}}])"), "tools: "));
  CHECK(has(claude_request(R"(,"tools":[{"type":"function","function":{}}])"), "tools: "));
  CHECK(has(claude_request(R"(,"tools":[1])"), "tools: "));
}

}  // namespace
}  // namespace headrace::dialect
