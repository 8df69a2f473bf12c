// Goal: the cheap looks never miss what they look for in the shapes that providers send. Method:
// shapes by hand; the vectors of the three dialects are in their own tests.
#include "dialect/event_look.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::dialect {
namespace {

TEST_CASE("a line ends at the first of either line end, and may be all there is") {
  CHECK(first_line("") == "");
  CHECK(first_line("ab") == "ab");
  CHECK(first_line("ab\ncd\r") == "ab");
  CHECK(first_line("ab\rcd\n") == "ab");
  CHECK(first_line("\r\n") == "");
}

TEST_CASE("the first data line is found behind any other lines") {
  CHECK(first_data("data: x\n\n") == " x");
  CHECK(first_data(": c\r\nid: 1\revent: e\ndata:x\ndata:y\n\n") == "x");
  CHECK(first_data("data:") == "");
  CHECK(first_data("data:").data() != nullptr);
  CHECK(first_data("event: data: x\n\n").data() == nullptr);
  CHECK(first_data("").data() == nullptr);
}

TEST_CASE("an end marker is the whole of its data") {
  CHECK(is_end_marker("data: [DONE]\n\n"));
  CHECK(is_end_marker("data:[DONE] \r\r"));
  CHECK(is_end_marker(": a comment that makes the event longer than usual\ndata: [DONE]\n\n"));
  CHECK_FALSE(is_end_marker("data: \"[DONE]\"\n\n"));
  CHECK_FALSE(is_end_marker("data: [DONE\n\n"));
  CHECK_FALSE(is_end_marker(": [DONE]\n\n"));
  CHECK_FALSE(is_end_marker(""));
}

TEST_CASE("every documented shape of an error is looked at") {
  for (const std::string event : {
           "data: {\"error\":{\"message\":\"m\",\"http_status_code\":422}}\n\n",
           "data: { \"error\" : \"overloaded\" }\n\n",
           "data: {\"code\":\"c\",\"error\":\"text\"}\n\n",
           "data: {\"object\":\"error\",\"message\":\"m\"}\n\n",
           "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
           "event: error\ndata: busy\n\n",
           "event:error\r\ndata: {}\r\n\r\n",
           ": c\nid: 1\nevent: error\ndata: {}\n\n",
           "event: message\nevent: error\ndata: {}\n\n",
           "data: {}\nevent: error\n\n",
           "data: {}\revent:error\r\r",
           "event: error\n\n",
       }) {
    CAPTURE(event);
    CHECK(may_report_error(event));
  }
  const std::string far = "data: {\"x\":\"" + std::string(5000, 'r') + "\",\"error\":{}}\n\n";
  CHECK(may_report_error(far));
}

TEST_CASE("what only speaks of errors is not looked at") {
  for (const std::string event : {
           "",
           "\n",
           "data: {\"choices\":[{\"delta\":{\"content\":\"an error\"}}]}\n\n",
           "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"error\\\":{}}\"}}]}\n\n",
           "data: {\"error\":null,\"choices\":[]}\n\n",
           "data: {\"error\" : null , \"choices\":[]}\n\n",
           "data: {\"errors\":[]}\n\n",
           "data: not an event: error\n\n",
           "event: errors\ndata: {}\n\n",
           "event: terror\ndata: {}\n\n",
       }) {
    CAPTURE(event);
    CHECK_FALSE(may_report_error(event));
  }
}

}  // namespace
}  // namespace headrace::dialect
