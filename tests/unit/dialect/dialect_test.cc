// Goal: the rows of the two dialects are found and complete, and their door refuses what is no
// JSON. Method: every call of each row; bodies with faults.
#include "dialect/dialect.h"

#include <doctest/doctest.h>

#include <string>

namespace headrace::dialect {
namespace {

TEST_CASE("dialects are found by their names") {
  CHECK(find_dialect("openai") == &openai_dialect());
  CHECK(find_dialect("anthropic") == &anthropic_dialect());
  CHECK(find_dialect("gemini") == nullptr);
}

TEST_CASE("every call of a dialect has a complete table of its answers") {
  for (const Dialect* row : {&openai_dialect(), &anthropic_dialect()}) {
    for (const Call call :
         {Call::chat, Call::completions, Call::embeddings, Call::responses, Call::count_tokens}) {
      const AnswerTable& answers = answers_of(*row, call);
      CHECK((answers.events.classify != nullptr));
      CHECK((answers.events.ends_stream != nullptr));
      CHECK((answers.events.may_fail != nullptr));
      CHECK((answers.scan_event != nullptr));
      CHECK((answers.scan_answer != nullptr));
    }
  }
  const AnswerTable& chat = answers_of(openai_dialect(), Call::chat);
  CHECK(&answers_of(openai_dialect(), Call::responses) != &chat);
}

TEST_CASE("chat has a path in both dialects, the rest in one") {
  CHECK(upstream_path(openai_dialect(), Call::chat) == "/chat/completions");
  CHECK(upstream_path(anthropic_dialect(), Call::chat) == "/messages");
  CHECK(upstream_path(anthropic_dialect(), Call::count_tokens) == "/messages/count_tokens");
  CHECK(upstream_path(anthropic_dialect(), Call::embeddings).empty());
  CHECK(upstream_path(openai_dialect(), Call::count_tokens).empty());
}

TEST_CASE("a body that is no JSON object is refused with the place of its fault") {
  io::BlockPool pool;
  Translator translator(pool);
  for (const api::Family client : {api::Family::openai, api::Family::anthropic}) {
    for (const std::string body : {"", "[1]", "{\"a\":}", "{} x"}) {
      CAPTURE(body);
      api::JsonBuilder out(pool);
      RequestTranslation translation;
      const base::Status status = translator.request(client, body, translation, out);
      REQUIRE_FALSE(status.ok());
      CHECK(status.error().code == base::Errc::bad_json);
    }
    api::JsonBuilder out(pool);
    RequestTranslation translation;
    (void)translator.request(client, "{\"a\":}", translation, out);
    CHECK(translation.detail.offset == 5);
  }
}

TEST_CASE("a translator takes no memory for a second request of the same size") {
  io::BlockPool pool;
  Translator translator(pool);
  api::JsonBuilder out(pool);
  const std::string body = R"({"messages":[{"role":"user","content":"x"}],"max_tokens":5})";
  RequestTranslation translation;
  REQUIRE(translator.request(api::Family::openai, body, translation, out).ok());
  const std::size_t blocks = pool.blocks_out();
  for (int i = 0; i < 50; ++i) {
    out.clear();
    REQUIRE(translator.request(api::Family::openai, body, translation, out).ok());
  }
  CHECK(pool.blocks_out() == blocks);
}

}  // namespace
}  // namespace headrace::dialect
