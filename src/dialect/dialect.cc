#include "dialect/dialect.h"

#include <array>

#include "dialect/anthropic.h"
#include "dialect/openai.h"
#include "dialect/openai_responses.h"

namespace headrace::dialect {
namespace {

using api::Family;

constexpr Dialect kOpenai = {
    .name = "openai",
    .family = Family::openai,
    .key_field = "authorization: Bearer ",
    .version_fields = "",
    .request_id_field = "x-request-id",
};

constexpr Dialect kAnthropic = {
    .name = "anthropic",
    .family = Family::anthropic,
    .key_field = "x-api-key: ",
    .version_fields = "anthropic-version: 2023-06-01\r\n",
    .request_id_field = "request-id",
};

constexpr AnswerTable kChatAnswers = {
    .events = {classify_chat_event, ends_chat_stream, chat_may_fail},
    .scan_event = scan_chat_event,
    .scan_answer = scan_chat_answer,
};

constexpr AnswerTable kResponseAnswers = {
    .events = {classify_response_event, ends_response_stream, response_may_fail},
    .scan_event = scan_response_event,
    .scan_answer = scan_response_answer,
};

constexpr AnswerTable kMessageAnswers = {
    .events = {classify_message_event, ends_message_stream, message_may_fail},
    .scan_event = scan_message_event,
    .scan_answer = scan_message_answer,
};

// Below a base URL that ends in the version, as providers give it: `https://api.openai.com/v1`.
struct PathRow {
  Call call;
  Bytes openai;
  Bytes anthropic;
};
constexpr std::array<PathRow, 5> kPaths = {{{Call::chat, "/chat/completions", "/messages"},
                                            {Call::completions, "/completions", ""},
                                            {Call::embeddings, "/embeddings", ""},
                                            {Call::responses, "/responses", ""},
                                            {Call::count_tokens, "", "/messages/count_tokens"}}};

constexpr std::size_t kErrorTextBytes = 200;

}  // namespace

const Dialect& openai_dialect() {
  return kOpenai;
}
const Dialect& anthropic_dialect() {
  return kAnthropic;
}

const Dialect* find_dialect(Bytes name) {
  for (const Dialect* row : {&kOpenai, &kAnthropic}) {
    if (row->name == name) return row;
  }
  return nullptr;
}

const AnswerTable& answers_of(const Dialect& dialect, Call call) {
  if (dialect.family == Family::anthropic) return kMessageAnswers;
  return call == Call::responses ? kResponseAnswers : kChatAnswers;
}

Bytes upstream_path(const Dialect& dialect, Call call) {
  for (const PathRow& row : kPaths) {
    if (row.call == call) return dialect.family == Family::openai ? row.openai : row.anthropic;
  }
  return {};
}

base::Status Translator::request(Family client,
                                 Bytes body,
                                 RequestTranslation& translation,
                                 api::JsonBuilder& out) {
  const json::ScanResult scan = document_.read(body);
  if (!scan.ok() || !document_.root().is(json::Type::object)) {
    translation.detail.offset = scan.offset;
    return base::client_error(base::Errc::bad_json);
  }
  return client == Family::openai ? openai_to_anthropic_request(document_.root(), translation, out)
                                  : anthropic_to_openai_request(document_.root(), translation, out);
}

base::Status Translator::answer(Family provider,
                                Bytes body,
                                AnswerTranslation& translation,
                                api::JsonBuilder& out) {
  if (!document_.read(body).ok()) return base::upstream_error(base::Errc::upstream_protocol);
  return provider == Family::openai
             ? openai_to_anthropic_answer(document_.root(), translation, out)
             : anthropic_to_openai_answer(document_.root(), translation, out);
}

ProviderError Translator::error(std::uint16_t status, Bytes body) {
  const bool readable = document_.read(body).ok();
  return classify_error(
      status, readable ? document_.root() : json::Value(), body.substr(0, kErrorTextBytes));
}

api::StreamFilter& StreamPlace::start(io::BlockPool& pool, const Options& options) {
  if (options.provider == Family::openai) return filter_.emplace<OpenaiToAnthropicStream>(pool);
  const AnthropicToOpenaiStream::Options inner = {options.created, options.wants_usage};
  return filter_.emplace<AnthropicToOpenaiStream>(pool, inner);
}

}  // namespace headrace::dialect
