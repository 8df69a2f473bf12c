// What the exchange must know of a provider's dialect, as one row of constants each, and the
// translations between two of them behind one door. `openai` also stands for every provider that
// is compatible with it.
//
// Same dialect in and out: nothing here touches a byte; the row tells the relay how to judge events
// and where usage stands. Different dialects: Translator for bodies, StreamPlace for streams.
// The rows are constants, any thread; a Translator is a worker's, a StreamPlace an attempt's.
#pragma once

#include <cstdint>
#include <variant>

#include "api/document.h"
#include "dialect/anthropic_to_openai_stream.h"
#include "dialect/openai_to_anthropic_stream.h"
#include "dialect/provider_error.h"
#include "dialect/translate.h"
#include "dialect/usage.h"

namespace headrace::dialect {

// What is asked of a provider. Only chat exists in both dialects.
enum class Call : std::uint8_t { chat, completions, embeddings, responses, count_tokens };

struct Dialect {
  Bytes name;  // as in the configuration
  api::Family family;
  Bytes key_field;         // start of the field line that carries the credential
  Bytes version_fields;    // finished field lines that every translated request carries
  Bytes request_id_field;  // of an answer: the provider's name for it, lower case
};

// How the answers to one kind of call are read.
struct AnswerTable {
  api::EventTable events;
  ScanUsage scan_event;
  ScanUsage scan_answer;
};

const Dialect& openai_dialect();
const Dialect& anthropic_dialect();
// Null where there is no such dialect.
const Dialect* find_dialect(Bytes name);

const AnswerTable& answers_of(const Dialect& dialect, Call call);

// The path below the provider's base URL; empty where the dialect has no such call.
Bytes upstream_path(const Dialect& dialect, Call call);

// Bodies. Reads with memory that it keeps; the results are text of the builder's.
class Translator {
 public:
  explicit Translator(io::BlockPool& pool) : document_(pool) {}

  // The client's chat request for a provider of the other family. bad_json or bad_field where it
  // cannot be done; `translation.detail` says why.
  base::Status request(api::Family client,
                       Bytes body,
                       RequestTranslation& translation,
                       api::JsonBuilder& out);
  // A provider's answer of status 200 for a client of the other family. An error in its place is
  // upstream_protocol too: error() tells what it was.
  base::Status answer(api::Family provider,
                      Bytes body,
                      AnswerTranslation& translation,
                      api::JsonBuilder& out);
  // What a failure means; `status` as the provider sent it. Views into `body`.
  ProviderError error(std::uint16_t status, Bytes body);

 private:
  api::Document document_;
};

// Room for the filter of one translated stream.
class StreamPlace {
 public:
  struct Options {
    api::Family provider = api::Family::openai;
    std::int64_t created = 0;  // seconds since 1970
    bool wants_usage = false;  // an OpenAI client asked for it
  };

  api::StreamFilter& start(io::BlockPool& pool, const Options& options);
  void stop() { filter_.emplace<std::monostate>(); }

 private:
  std::variant<std::monostate, AnthropicToOpenaiStream, OpenaiToAnthropicStream> filter_;
};

}  // namespace headrace::dialect
