#include "policy/admission.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace headrace::policy {

config::Access Admission::access_of(const config::Snapshot& snapshot) {
  if (snapshot.access != config::Access::automatic) return snapshot.access;
  return snapshot.keys.empty() ? config::Access::open : config::Access::keys;
}

base::Result<Caller> Admission::identify(const http::Fields& fields,
                                         Bytes head,
                                         const net::PeerCertificate* certificate,
                                         std::int64_t wall_seconds) const {
  if (access_ == config::Access::open) return Caller{};
  const PresentedKey presented = present_key(fields, head);
  const Key* const key = keys_.find(presented.key, wall_seconds);
  const Key* const certified =
      certificate == nullptr ? nullptr : keys_.find(*certificate, wall_seconds);
  if (presented.absent && certified != nullptr) return Caller{certified, {}};
  if (presented.conflicting || presented.key.empty()) {
    return base::client_error(base::Errc::invalid_key);
  }
  const bool two = key != nullptr && certified != nullptr && key != certified;
  if (two) return base::client_error(base::Errc::invalid_key);
  if (key != nullptr) return Caller{key, {}};
  const bool ours = presented.key.substr(0, kKeyPrefix.size()) == kKeyPrefix;
  if (access_ == config::Access::bring && !ours) return Caller{nullptr, presented.key};
  return base::client_error(base::Errc::invalid_key);
}

bool Admission::may_use(const Caller& caller, Bytes model) {
  return caller.key == nullptr || caller.key->may_use(model);
}

base::Result<Ticket> Admission::admit(
    const Caller& caller, Bytes model, std::uint64_t tokens, Nanos now, Refusal& refusal) {
  if (!may_use(caller, model)) return base::client_error(base::Errc::model_not_allowed);
  if (caller.key == nullptr) return Ticket();
  auto ticket = TicketOffice::issue(*caller.key->limits, caller.key->bounds, tokens, now, refusal);
  if (!ticket) return base::client_error(code_of(refusal.scope));
  return std::move(*ticket);
}

std::uint64_t estimate_tokens(std::size_t body_bytes, std::uint64_t max_tokens) {
  constexpr std::uint64_t kBytesPerToken = 4;
  const std::uint64_t answer = max_tokens == 0 ? base::limits::kAssumedAnswerTokens : max_tokens;
  return body_bytes / kBytesPerToken + 1 + std::min(answer, base::limits::kAnswerTokens);
}

}  // namespace headrace::policy
