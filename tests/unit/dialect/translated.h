// One translation at a time, as text: for tests of what a single field becomes. Whole requests,
// answers and streams are golden cases.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "dialect/dialect.h"

namespace headrace::test {

using api::Family;

// The translated request, or "param: reason".
inline std::string request_from(Family client, const std::string& body, base::Bytes model) {
  io::BlockPool pool;
  dialect::Translator translator(pool);
  api::JsonBuilder out(pool);
  dialect::RequestTranslation translation;
  translation.model = model;
  if (translator.request(client, body, translation, out).ok()) return std::string(out.view());
  return std::string(translation.detail.param) + ": " + std::string(translation.detail.reason);
}

// A user's "x" and these fields, for a Claude model.
inline std::string claude_request(const std::string& fields, base::Bytes model = "claude-opus-5") {
  return request_from(
      Family::openai,
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":2000)" + fields + "}",
      model);
}

inline std::string claude_messages(const std::string& messages) {
  return request_from(
      Family::openai, R"({"max_tokens":9,"messages":[)" + messages + "]}", "claude-opus-5");
}

inline std::string gpt_request(const std::string& fields, base::Bytes model = "gpt-5.1") {
  return request_from(
      Family::anthropic,
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":20)" + fields + "}",
      model);
}

inline std::string gpt_messages(const std::string& messages) {
  return request_from(
      Family::anthropic, R"({"max_tokens":9,"messages":[)" + messages + "]}", "gpt-5.1");
}

// The translated answer, or the error's name.
inline std::string answer_from(Family provider, const std::string& body) {
  io::BlockPool pool;
  dialect::Translator translator(pool);
  api::JsonBuilder out(pool);
  dialect::AnswerTranslation translation;
  const base::Status status = translator.answer(provider, body, translation, out);
  return status.ok() ? std::string(out.view()) : std::string(base::name_of(status.error().code));
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A filter that is fed event by event.
struct Filtered {
  explicit Filtered(Family provider, bool wants_usage = true)
      : filter(place.start(pool, {provider, 7, wants_usage})) {}

  api::EventKind take(const std::string& data) {
    out.clear();
    return filter.take("data: " + data + "\n\n", out);
  }
  std::string text() const { return std::string(out.view()); }

  io::BlockPool pool;
  api::JsonBuilder out{pool};
  dialect::StreamPlace place;
  api::StreamFilter& filter;
};

}  // namespace headrace::test
