// May this request pass? First who asks (identify, as soon as the head is there), then whether the
// key may have the model and has room in its limits (admit, once the model is known). Built from a
// snapshot by the control thread, immutable, read by all workers; the counts are elsewhere
// (LimitRegistry) and outlive it.
//
// Without keys everybody who can connect may ask, which the configuration allows on loopback only.
// Where clients may bring a key of their own, one that looks like ours must be ours; any other is
// the client's, and goes to no provider but the ones that take it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "config/snapshot.h"
#include "http/message.h"
#include "policy/keys.h"
#include "policy/limits.h"

namespace headrace::policy {

// What every key of ours begins with.
inline constexpr Bytes kKeyPrefix = "hr-";

struct Caller {
  const Key* key = nullptr;  // null: open, or a key of the client's own
  Bytes brought;             // the client's own key, a view into the head; empty: none
};

class Admission {
 public:
  Admission(const config::Snapshot& snapshot, LimitRegistry& registry)
      : access_(access_of(snapshot)), keys_(snapshot, registry) {}

  // invalid_key is the only refusal, and never says why. `certificate` (may be null): the one that
  // the client showed. It counts where the head shows no key; one that stands for another key than
  // the head shows is refused.
  base::Result<Caller> identify(const http::Fields& fields,
                                Bytes head,
                                const net::PeerCertificate* certificate,
                                std::int64_t wall_seconds) const;

  // Whether `admit` would let the model pass, for lists of models.
  static bool may_use(const Caller& caller, Bytes model);

  // Model, requests, tokens, concurrency, in that order. On a refusal by a limit `refusal` says all
  // about it. `tokens` is estimate_tokens() of the request.
  static base::Result<Ticket> admit(
      const Caller& caller, Bytes model, std::uint64_t tokens, Nanos now, Refusal& refusal);

 private:
  static config::Access access_of(const config::Snapshot& snapshot);

  config::Access access_;
  KeyTable keys_;
};

// What a request may use, before anybody knows: its bytes at four a token, and its longest answer.
// `max_tokens` 0: the request names no bound.
std::uint64_t estimate_tokens(std::size_t body_bytes, std::uint64_t max_tokens);

}  // namespace headrace::policy
