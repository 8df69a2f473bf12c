// What a scripted client asks: the bytes of one request, how they are sent, and what must become of
// it. Made from a seed before the run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "answer_plan.h"
#include "base/prng.h"
#include "base/time.h"
#include "config/snapshot.h"

namespace headrace::sim {

// How a request shows who asks.
enum class Auth : std::uint8_t {
  open,  // everybody may
  good,
  brought,  // a key of the client's own
  none,
  unknown,
  disabled,
  expired,
  malformed,
  conflicting,
};

// A key that we gave to clients.
struct KeyPlan {
  std::string name;
  std::string key;
  std::uint32_t requests = 0;
  std::uint32_t tokens = 0;
  std::uint32_t concurrency = 0;
  std::size_t only_route = SIZE_MAX;  // the model that it may have; SIZE_MAX: all
  bool disabled = false;
  bool expired = false;
};

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
  std::string body;              // without framing
  std::uint64_t head_bytes = 0;  // of `wire`; over HTTP/2 the rest of it is the body as it is
  bool http10 = false;
  bool asks_close = false;
  bool expects_continue = false;
  bool whole_body = true;  // the head is refused, or the whole body is read before the answer
  int status = 200;        // refused, slow: what must come back
  bool closes = false;     // refused: the connection ends with it
  bool hasty = false;      // likewise, before the body is here
  std::uint64_t stall_at = UINT64_MAX;
  Auth auth = Auth::open;
  std::size_t key = 0;      // Auth::good
  std::string brought_key;  // Auth::brought
  // -- chat
  std::size_t route = 0;
  api::Family family = api::Family::openai;  // the client's
  bool stream = false;
  bool wants_usage = false;
  std::uint64_t max_tokens = 0;  // 0: not named
  std::string name;              // of the model, as in the body
  std::uint64_t answers_seed = 0;
  double fault = 0;                       // the chance of each answer
  AnswerOptions answers;                  // the rest of what they are made of
  std::vector<AnswerPlan::Pause> pauses;  // while it is sent

  // What the provider says that sees this request as its `attempt`th, over all providers.
  AnswerPlan answer(std::uint64_t attempt, api::Family provider, bool h2) const;
  // The body as a provider of the client's family must see it; `model` empty: under the same name.
  std::string body_for(const std::string& model) const;
  bool may_ask() const { return auth <= Auth::brought; }
};

struct RequestOptions {
  std::uint64_t id = 0;
  std::size_t routes = 1;
  config::Access access = config::Access::open;
  std::span<const KeyPlan> keys;
  double stranger = 0;   // without a key that is good
  double anthropic = 0;  // of the clients
  double bad = 0.1;      // malformed, wrong path, slow
  double fault = 0.3;    // of the provider
  std::uint64_t body_max = 3000;
  std::uint64_t answer_max = 3000;
  std::uint64_t events_max = 12;
  bool h2 = false;                      // of the client
  std::uint64_t body_limit = 1u << 20;  // configured; above: 413
};

RequestPlan make_request(base::Prng& dice, const RequestOptions& options);

}  // namespace headrace::sim
