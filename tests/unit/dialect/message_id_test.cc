// Goal: ids look as Anthropic's clients expect them. Method: ids of several providers.
#include "dialect/message_id.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::dialect {
namespace {

std::string message_id(base::Bytes body) {
  io::BlockPool pool;
  api::JsonBuilder out(pool);
  write_message_id(body, out);
  return std::string(out.view());
}

TEST_CASE("a message's id begins with msg_, once") {
  CHECK(message_id("chatcmpl-9") == "msg_9");
  CHECK(message_id("gen-123") == "msg_gen-123");
  CHECK(message_id("msg_01A") == "msg_01A");
  CHECK(message_id("chatcmpl-msg_1") == "msg_1");
  CHECK(message_id("") == "msg_");
}

TEST_CASE("a call without an id is called by its number") {
  io::BlockPool pool;
  api::JsonBuilder out(pool);
  write_call_id("toolu_1", 3, out);
  write_call_id("", 3, out);
  CHECK(out.view() == "toolu_1call_3");
}

}  // namespace
}  // namespace headrace::dialect
