// What a failed attempt says about whom: the client's request, one of our credentials, a model that
// this credential may not have, or the target. That decides who is asked next and who rests. Pure.
//
// | what happened                                  | verdict    |
// |------------------------------------------------|------------|
// | 400, 413, 422 and every other 4xx              | request    |
// | 401                                            | credential |
// | 402, or `insufficient_quota` with any status   | quota      |
// | 403, 404                                       | pair       |
// | 429, 498                                       | limited    |
// | 408, 409                                       | busy       |
// | 3xx, 5xx, 529, no connection, silence, an end  | target     |
// | before the end, an error inside a 200          |            |
// | the client left, a bound of ours, the deadline | ours       |
//
// With a key that the client brought, what the provider says about the key is the client's to hear.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/time.h"

namespace headrace::route {

using base::Nanos;

enum class Verdict : std::uint8_t { request, credential, quota, pair, limited, busy, target, ours };

struct Outcome {
  base::Error error;
  std::uint16_t status = 0;         // the provider's, where there was one
  bool insufficient_quota = false;  // the body's code said so
  bool may_retry = true;            // false: the provider sent `x-should-retry: false`
  Nanos retry_after = -1;           // what the provider asked for; -1: nothing
};

Verdict judge(const Outcome& outcome, bool brought_key);

// Whether another target may do better.
inline bool goes_on(Verdict verdict) {
  return verdict != Verdict::request && verdict != Verdict::ours;
}

}  // namespace headrace::route
