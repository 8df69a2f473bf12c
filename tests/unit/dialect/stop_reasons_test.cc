// Goal: the reasons of both dialects mean each other. Method: every word of the tables.
#include "dialect/stop_reasons.h"

#include <doctest/doctest.h>

#include <string>

#include "api/document.h"

namespace headrace::dialect {
namespace {

using api::Finish;

template <class Reader>
Finish read(Reader reader, const std::string& word) {
  io::BlockPool pool;
  api::Document document(pool);
  const std::string quoted = "\"" + word + "\"";
  REQUIRE(document.read(quoted).ok());
  return reader(document.root());
}

TEST_CASE("words that clients get are read back as what they mean") {
  for (const Finish finish :
       {Finish::stop, Finish::length, Finish::tool_calls, Finish::content_filter}) {
    CHECK(read(finish_of_stop_reason, std::string(stop_reason_of(finish))) == finish);
    CHECK(read(finish_of_finish_reason, std::string(finish_reason_of(finish))) == finish);
  }
}

TEST_CASE("other words have their meaning, unknown ones are a plain stop") {
  CHECK(read(finish_of_stop_reason, "stop_sequence") == Finish::stop);
  CHECK(read(finish_of_stop_reason, "pause_turn") == Finish::stop);
  CHECK(read(finish_of_stop_reason, "model_context_window_exceeded") == Finish::length);
  CHECK(read(finish_of_finish_reason, "function_call") == Finish::tool_calls);
  CHECK(read(finish_of_stop_reason, "new_reason") == Finish::stop);
  CHECK(read(finish_of_finish_reason, "") == Finish::stop);
}

}  // namespace
}  // namespace headrace::dialect
