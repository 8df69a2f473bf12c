// What a scripted client asks: the bytes of one request, how they are sent, and what must become of
// it. Made from a seed before the run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "answer_plan.h"
#include "base/prng.h"
#include "base/time.h"

namespace headrace::sim {

struct RequestPlan {
  enum class Kind : std::uint8_t {
    chat,     // goes to a provider
    models,   // GET /v1/models: answered here
    refused,  // ends in `status` without any provider
    slow,     // stalls in head or body: 408
  };

  std::uint64_t id = 0;
  Kind kind = Kind::chat;
  std::string wire;
  std::string body;  // without framing
  std::uint64_t head_bytes = 0;
  bool http10 = false;
  bool asks_close = false;
  bool expects_continue = false;
  bool whole_body = true;  // the head is refused, or the whole body is read before the answer
  int status = 200;        // refused, slow: what must come back
  bool closes = false;     // refused: the connection ends with it
  std::uint64_t stall_at = UINT64_MAX;
  // -- chat
  std::size_t route = 0;
  api::Family family = api::Family::openai;  // the client's
  bool stream = false;
  bool wants_usage = false;
  std::string name;  // of the model, as in the body
  std::uint64_t answers_seed = 0;
  double fault = 0;                       // the chance of each answer
  AnswerOptions answers;                  // the rest of what they are made of
  std::vector<AnswerPlan::Pause> pauses;  // while it is sent

  // What the provider says that sees this request as its `attempt`th, over all providers.
  AnswerPlan answer(std::uint64_t attempt, api::Family provider) const;
  // The body as a provider of the client's family must see it; `model` empty: under the same name.
  std::string body_for(const std::string& model) const;
};

struct RequestOptions {
  std::uint64_t id = 0;
  std::size_t routes = 1;
  double bad = 0.1;    // malformed, wrong path, slow
  double fault = 0.3;  // of the provider
  std::uint64_t body_max = 3000;
  std::uint64_t answer_max = 3000;
  std::uint64_t events_max = 12;
  std::uint64_t body_limit = 1u << 20;  // configured; above: 413
};

RequestPlan make_request(base::Prng& dice, const RequestOptions& options);

}  // namespace headrace::sim
