// The four translations of bodies between chat completions (OpenAI) and messages (Anthropic):
// requests one way, answers the other. Pure functions over a document that was read before
// (api::Document); what is not changed is copied as it was written. docs/dialects.md has the
// mapping with its losses.
//
// State that a translation cannot keep is refused with the parameter's name; hints without effect
// on what an answer means are dropped and listed. Any thread, no memory beyond the builder's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "api/error_body.h"
#include "api/json_builder.h"
#include "api/stream_filter.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tape.h"

namespace headrace::dialect {

using base::Bytes;

// Names of request fields that did not survive; constants all of them.
class DroppedFields {
 public:
  static constexpr std::size_t kMax = 24;
  void add(Bytes name) {
    if (count_ < kMax) names_[count_++] = name;
  }
  std::size_t size() const { return count_; }
  Bytes operator[](std::size_t i) const { return names_[i]; }

 private:
  std::array<Bytes, kMax> names_;
  std::size_t count_ = 0;
};

struct RequestTranslation {
  Bytes model;                   // in: the name that the target knows, plain text
  bool keeps_reasoning = false;  // in: towards OpenAI, thoughts go along as reasoning_content
  DroppedFields dropped;         // out
  api::ErrorDetail detail;       // out, on failure: the parameter and why
};

// How a translation says no: the parameter and one sentence, both constants of ours.
inline base::Status refuse(RequestTranslation& translation, Bytes param, Bytes reason) {
  translation.detail.param = param;
  translation.detail.reason = reason;
  return base::client_error(base::Errc::bad_field);
}

struct AnswerTranslation {
  std::int64_t created = 0;  // in: seconds since 1970; OpenAI's answers carry it
  api::Usage usage;          // out
  api::Finish finish = api::Finish::none;
};

// `body`: the root of a client's request. On failure (bad_field) `out` holds an unfinished text.
base::Status openai_to_anthropic_request(json::Value body,
                                         RequestTranslation& translation,
                                         api::JsonBuilder& out);
base::Status anthropic_to_openai_request(json::Value body,
                                         RequestTranslation& translation,
                                         api::JsonBuilder& out);

// `body`: the root of a provider's answer of status 200. upstream_protocol where it is no answer.
base::Status anthropic_to_openai_answer(json::Value body,
                                        AnswerTranslation& translation,
                                        api::JsonBuilder& out);
base::Status openai_to_anthropic_answer(json::Value body,
                                        AnswerTranslation& translation,
                                        api::JsonBuilder& out);

}  // namespace headrace::dialect
